/* Reads stubs with the code that Samba's pidl generated for shapes.idl, and
 * writes them again.
 *
 * One stub a line: OPNUM in|out FLAGS STUB [REQUEST]; FLAGS is any of `b`
 * (big-endian) and `6` (NDR64), or `-`; stubs are hexadecimal. The answer is the
 * octets that Samba writes, or `!` and a reason. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <core/ntstatus.h>
#include <ndr.h>
#include "ndr_shapes.h"

static DATA_BLOB octets(TALLOC_CTX *mem, const char *hex)
{
	DATA_BLOB blob = data_blob_talloc(mem, NULL, strlen(hex) / 2);
	for (size_t i = 0; i < blob.length; i++) {
		sscanf(hex + 2 * i, "%2hhx", &blob.data[i]);
	}
	return blob;
}

static enum ndr_err_code pull(TALLOC_CTX *mem, const struct ndr_interface_call *call, void *value, int fn,
			      uint32_t flags, const char *hex, uint32_t *left)
{
	DATA_BLOB blob = octets(mem, hex);
	struct ndr_pull *ndr = ndr_pull_init_blob(&blob, mem);
	ndr->flags |= flags | LIBNDR_FLAG_REF_ALLOC;
	enum ndr_err_code error = call->ndr_pull(ndr, fn, value);
	*left = ndr->data_size - ndr->offset;
	return error;
}

int main(void)
{
	static char line[1 << 20];
	while (fgets(line, sizeof line, stdin)) {
		TALLOC_CTX *mem = talloc_new(NULL);
		char *opnum = strtok(line, " \n"), *side = strtok(NULL, " \n"), *flag = strtok(NULL, " \n");
		char *stub = strtok(NULL, " \n"), *request = strtok(NULL, " \n");
		const struct ndr_interface_call *call = &ndr_table_shapes.calls[atoi(opnum)];
		void *value = talloc_zero_size(mem, call->struct_size);
		uint32_t flags = (strchr(flag, 'b') ? LIBNDR_FLAG_BIGENDIAN : 0) | (strchr(flag, '6') ? LIBNDR_FLAG_NDR64 : 0);
		uint32_t left;
		int fn = side[0] == 'i' ? NDR_IN : NDR_OUT;
		enum ndr_err_code error = NDR_ERR_SUCCESS;
		if (request) {
			error = pull(mem, call, value, NDR_IN, flags, request, &left);
		}
		if (error == NDR_ERR_SUCCESS) {
			error = pull(mem, call, value, fn, flags, stub, &left);
		}
		if (error != NDR_ERR_SUCCESS || left) {
			printf("! %s, %u octets left\n", ndr_map_error2string(error), left);
			fflush(stdout);
			continue;
		}
		struct ndr_push *ndr = ndr_push_init_ctx(mem);
		ndr->flags |= flags;
		error = call->ndr_push(ndr, fn, value);
		if (error != NDR_ERR_SUCCESS) {
			printf("! %s\n", ndr_map_error2string(error));
		} else {
			DATA_BLOB blob = ndr_push_blob(ndr);
			for (size_t i = 0; i < blob.length; i++) {
				printf("%02x", blob.data[i]);
			}
			putchar('\n');
		}
		fflush(stdout);
		talloc_free(mem);
	}
	return 0;
}
