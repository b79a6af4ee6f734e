/*
 * ndrd: decodes RPC stubs with Samba's libndr, many per process.
 *
 * It calls the same interface tables as Samba's own `ndrdump`, which starts
 * anew for every stub and has no switch for big-endian data.
 *
 * Build (Debian: samba-dev, samba-libs, a C compiler):
 *   cc -O2 -rdynamic $(pkg-config --cflags ndr talloc) ndrd.c -o ndrd \
 *      $(pkg-config --libs ndr talloc) -ldl
 *
 * One request per line on standard input, fields separated by one blank:
 *
 *   INTERFACE OPNUM in|out FLAGS STUB [CONTEXT]
 *
 * FLAGS is any of `b` (big-endian) and `6` (NDR64), or `-`. STUB and CONTEXT
 * are hexadecimal, `-` if empty. CONTEXT is the request that an `out` stub
 * answers: Samba takes array sizes given by [in] parameters from it.
 * `INTERFACE names` lists the functions, one name per line in opnum order.
 *
 * The answer is one head line, then lines, then a line with a single dot:
 *
 *   ok UNREAD ENCODED       bytes left over; the values encoded again by
 *                           Samba, hexadecimal (`!` and a reason if it cannot)
 *   error REASON at OFFSET
 *
 * A line of the body is the depth, a blank, and the text that ndrdump would
 * print there, with backslash, newline and carriage return escaped. Two kinds
 * of value are printed as numbers where ndrdump prints words: WERROR and
 * NTTIME (see the two functions at the end, which replace the library's).
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dlfcn.h>
#include <talloc.h>
#include <core/ntstatus.h>
#include <core/werror.h>
#include <ndr.h>

static const struct ndr_interface_table *find_table(const char *interface)
{
	static const char *const libraries[] = {
		"libndr-samba-samba4.so.0", "libndr-samba4.so.0", "libndr-samba-private-samba.so.0",
		"libndr-private-samba.so.0", "libndr-standard.so.0",
	};
	/* Private libraries live beside the public ones, in a folder of their own. */
	static char folder[4096];
	char symbol[256], path[4400];
	Dl_info where;

	if (folder[0] == 0 && dladdr((void *)ndr_pull_init_blob, &where) && where.dli_fname) {
		char *real = realpath(where.dli_fname, NULL);
		char *slash = real ? strrchr(real, '/') : NULL;
		if (slash) {
			snprintf(folder, sizeof folder, "%.*s", (int)(slash - real), real);
		}
		free(real);
	}
	snprintf(symbol, sizeof symbol, "ndr_table_%s", interface);
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
		static const char *const forms[] = { "%2$s", "%1$s/%2$s", "%1$s/samba/%2$s" };
		for (size_t k = 0; k < 3; k++) {
			snprintf(path, sizeof path, forms[k], folder, libraries[i]);
			void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
			void *table = library ? dlsym(library, symbol) : NULL;
			if (table) {
				return table;
			}
		}
	}
	return NULL;
}

/* A growing buffer: nothing is written before the outcome is known. */
static char *text;
static size_t text_used, text_size;

static void put(const char *data, size_t n)
{
	if (text_used + n > text_size) {
		text_size = (text_used + n) * 2;
		text = realloc(text, text_size);
		if (!text) {
			abort();
		}
	}
	memcpy(text + text_used, data, n);
	text_used += n;
}

static void print_line(struct ndr_print *ndr, const char *format, ...)
{
	char head[16], *line = NULL;
	va_list arguments;

	va_start(arguments, format);
	int length = vasprintf(&line, format, arguments);
	va_end(arguments);
	put(head, snprintf(head, sizeof head, "%u ", ndr->depth));
	for (int i = 0; i < length; i++) {
		switch (line[i]) {
		case '\\': put("\\\\", 2); break;
		case '\n': put("\\n", 2); break;
		case '\r': put("\\r", 2); break;
		default: put(&line[i], 1);
		}
	}
	put("\n", 1);
	free(line);
}

static DATA_BLOB unhex(TALLOC_CTX *memory, const char *hex)
{
	size_t length = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
	DATA_BLOB blob = { talloc_array(memory, uint8_t, length + 1), length };

	for (size_t i = 0; i < length; i++) {
		unsigned octet = 0;
		sscanf(hex + 2 * i, "%2x", &octet);
		blob.data[i] = octet;
	}
	return blob;
}

static void print_hex(DATA_BLOB blob)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < blob.length; i++) {
		putchar(digits[blob.data[i] >> 4]);
		putchar(digits[blob.data[i] & 15]);
	}
	if (blob.length == 0) {
		putchar('-');
	}
}

static void decode(TALLOC_CTX *memory, const struct ndr_interface_call *call,
		   bool out, uint32_t flags, const char *stub_hex, const char *context_hex)
{
	void *values = talloc_zero_size(memory, call->struct_size);
	DATA_BLOB stub = unhex(memory, stub_hex);

	if (out && context_hex) {
		DATA_BLOB context = unhex(memory, context_hex);
		struct ndr_pull *request = ndr_pull_init_blob(&context, memory);
		request->flags |= flags | LIBNDR_FLAG_REF_ALLOC;
		enum ndr_err_code code = call->ndr_pull(request, NDR_IN, values);
		if (code != NDR_ERR_SUCCESS) {
			printf("error context: %s at %u\n", ndr_map_error2string(code), request->offset);
			return;
		}
	}

	int direction = out ? NDR_OUT : NDR_IN;
	struct ndr_pull *pull = ndr_pull_init_blob(&stub, memory);
	pull->flags |= flags | LIBNDR_FLAG_REF_ALLOC;
	enum ndr_err_code code = call->ndr_pull(pull, direction, values);
	if (code != NDR_ERR_SUCCESS) {
		printf("error %s at %u\n", ndr_map_error2string(code), pull->offset);
		return;
	}

	struct ndr_print *print = talloc_zero(memory, struct ndr_print);
	print->print = print_line;
	print->print_secrets = true;
	text_used = 0;
	call->ndr_print(print, call->name, direction, values);

	printf("ok %u ", pull->data_size - pull->offset);
	struct ndr_push *push = ndr_push_init_ctx(memory);
	push->flags |= flags;
	code = call->ndr_push(push, direction, values);
	if (code == NDR_ERR_SUCCESS) {
		print_hex(ndr_push_blob(push));
	} else {
		printf("!%s", ndr_map_error2string(code));
	}
	printf("\n%.*s", (int)text_used, text);
}

static void answer(char *line)
{
	char *field[6] = { 0 };
	int fields = 0;

	for (char *next = strtok(line, " \n"); next && fields < 6; next = strtok(NULL, " \n")) {
		field[fields++] = next;
	}
	const struct ndr_interface_table *table = fields ? find_table(field[0]) : NULL;
	if (!table) {
		printf("error no table for this interface at 0\n");
	} else if (fields == 2 && strcmp(field[1], "names") == 0) {
		printf("ok 0 -\n");
		for (uint32_t i = 0; i < table->num_calls; i++) {
			printf("%s\n", table->calls[i].name);
		}
	} else if (fields < 5) {
		printf("error malformed request at 0\n");
	} else if (strtoul(field[1], NULL, 10) >= table->num_calls) {
		printf("error no such operation at 0\n");
	} else {
		const struct ndr_interface_call *call = &table->calls[strtoul(field[1], NULL, 10)];
		uint32_t flags = (strchr(field[3], 'b') ? LIBNDR_FLAG_BIGENDIAN : 0) |
				 (strchr(field[3], '6') ? LIBNDR_FLAG_NDR64 : 0);
		TALLOC_CTX *memory = talloc_new(NULL);
		decode(memory, call, strcmp(field[2], "out") == 0, flags, field[4], field[5]);
		talloc_free(memory);
	}
	printf(".\n");
	fflush(stdout);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		answer(line);
	}
	return 0;
}

/* Replacements: the dynamic linker prefers the program's own definitions. */

void ndr_print_WERROR(struct ndr_print *ndr, const char *name, WERROR status)
{
	ndr->print(ndr, "%-25s: 0x%08x (%u)", name, W_ERROR_V(status), W_ERROR_V(status));
}

void ndr_print_NTTIME(struct ndr_print *ndr, const char *name, NTTIME time)
{
	ndr->print(ndr, "%-25s: 0x%016llx (%llu)", name, (unsigned long long)time, (unsigned long long)time);
}
