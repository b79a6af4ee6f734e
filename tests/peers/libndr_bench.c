/*
 * libndr_bench: how fast Samba's libndr encodes and decodes an ENUM_LIST.
 *
 * Build (Debian: samba-dev, samba-libs, a C compiler):
 *   cc -O2 $(pkg-config --cflags ndr talloc) libndr_bench.c -o libndr_bench \
 *      $(pkg-config --libs ndr talloc) -ldl
 *
 * The message is the response of ApiCreateEnum (ClusAPI opnum 7). Entry i of N
 * has Type i and the name
 *
 *   "Resource %08u in a benchmark list"      (37 characters)
 *
 * and both statuses are 0: 96,020 bytes for 1000 entries in NDR, 120,028 in
 * NDR64; 500 bytes for 5 entries. One JSON line per measurement:
 *
 *   {"what":"pull","entries":1000,"syntax":"ndr","endian":"little","bytes":96020,"ns":247000}
 *
 * `ns` is the median of 101 samples. A pull makes the values and frees them; a
 * push makes a new buffer of the library's own choosing and frees it, as
 * Samba's servers and clients do for each call.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <dlfcn.h>
#include <talloc.h>
#include <core/ntstatus.h>
#include <ndr.h>

enum { OPNUM_CREATE_ENUM = 7, SAMPLES = 101 };

static void *library(void)
{
	static const char *const names[] = { "libndr-samba-samba4.so.0", "libndr-samba-private-samba.so.0", "libndr-samba4.so.0" };
	char path[4400], folder[4096] = "";
	Dl_info where;

	if (dladdr((void *)ndr_pull_init_blob, &where) && where.dli_fname) {
		char *real = realpath(where.dli_fname, NULL);
		char *slash = real ? strrchr(real, '/') : NULL;
		if (slash) {
			snprintf(folder, sizeof folder, "%.*s", (int)(slash - real), real);
		}
		free(real);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		static const char *const forms[] = { "%1$s/samba/%2$s", "%1$s/%2$s" };
		for (size_t k = 0; k < 2; k++) {
			snprintf(path, sizeof path, forms[k], folder, names[i]);
			void *handle = dlopen(path, RTLD_NOW);
			if (handle && dlsym(handle, "ndr_table_clusapi")) {
				return handle;
			}
		}
	}
	return NULL;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4); /* NDR little-endian on a little-endian machine */
	return at + 4;
}

/* The message in NDR, little-endian, by hand. */
static DATA_BLOB message(TALLOC_CTX *memory, uint32_t entries)
{
	DATA_BLOB blob = { talloc_zero_size(memory, 20 + entries * 96), 20 + entries * 96 };
	uint8_t *at = put32(put32(put32(blob.data, 0x20000), entries), entries);

	for (uint32_t i = 0; i < entries; i++) {
		at = put32(put32(at, i), 0x20004 + 4 * i);
	}
	for (uint32_t i = 0; i < entries; i++) {
		char name[64];
		uint32_t units = snprintf(name, sizeof name, "Resource %08u in a benchmark list", i) + 1;
		at = put32(put32(put32(at, units), 0), units);
		for (uint32_t k = 0; k < units; k++, at += 2) {
			*at = name[k];
		}
	}
	return blob;
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static const struct ndr_interface_call *call;

static void must(enum ndr_err_code code, const char *what)
{
	if (code != NDR_ERR_SUCCESS) {
		fprintf(stderr, "%s: %s\n", what, ndr_map_error2string(code));
		exit(1);
	}
}

static void *pull(TALLOC_CTX *memory, DATA_BLOB blob, uint32_t flags)
{
	void *values = talloc_zero_size(memory, call->struct_size);
	struct ndr_pull *ndr = ndr_pull_init_blob(&blob, memory);

	ndr->flags |= flags | LIBNDR_FLAG_REF_ALLOC;
	must(call->ndr_pull(ndr, NDR_OUT, values), "pull");
	return values;
}

static DATA_BLOB push(TALLOC_CTX *memory, const void *values, uint32_t flags)
{
	struct ndr_push *ndr = ndr_push_init_ctx(memory);

	ndr->flags |= flags;
	must(call->ndr_push(ndr, NDR_OUT, values), "push");
	return ndr_push_blob(ndr);
}

static void measure(bool pulling, uint32_t entries, const char *syntax, const char *endian,
		    DATA_BLOB blob, const void *values, uint32_t flags)
{
	static double samples[SAMPLES];
	uint32_t rounds = entries > 100 ? 5 : 2000;

	for (int sample = -10; sample < SAMPLES; sample++) { /* the first ten warm up */
		double start = now();
		for (uint32_t i = 0; i < rounds; i++) {
			TALLOC_CTX *memory = talloc_new(NULL);
			if (pulling) {
				pull(memory, blob, flags);
			} else {
				push(memory, values, flags);
			}
			talloc_free(memory);
		}
		if (sample >= 0) {
			samples[sample] = (now() - start) / rounds;
		}
	}
	qsort(samples, SAMPLES, sizeof *samples, ascending);
	printf("{\"what\":\"%s\",\"entries\":%u,\"syntax\":\"%s\",\"endian\":\"%s\",\"bytes\":%zu,\"ns\":%.0f}\n",
	       pulling ? "pull" : "push", entries, syntax, endian, blob.length, samples[SAMPLES / 2]);
	fflush(stdout);
}

int main(void)
{
	static const struct { const char *syntax, *endian; uint32_t flags; } encodings[] = {
		{ "ndr", "little", 0 }, { "ndr", "big", LIBNDR_FLAG_BIGENDIAN }, { "ndr64", "little", LIBNDR_FLAG_NDR64 },
	};
	void *handle = library();
	if (!handle) {
		fprintf(stderr, "no Samba library with the clusapi interface: %s\n", dlerror());
		return 1;
	}
	const struct ndr_interface_table *table = dlsym(handle, "ndr_table_clusapi");
	call = &table->calls[OPNUM_CREATE_ENUM];

	for (uint32_t entries = 1000; entries; entries = entries == 1000 ? 5 : 0) {
		TALLOC_CTX *memory = talloc_new(NULL);
		void *values = pull(memory, message(memory, entries), 0);
		for (size_t i = 0; i < 3; i++) {
			DATA_BLOB blob = push(memory, values, encodings[i].flags);
			measure(true, entries, encodings[i].syntax, encodings[i].endian, blob, NULL, encodings[i].flags);
			measure(false, entries, encodings[i].syntax, encodings[i].endian, blob, values, encodings[i].flags);
		}
		talloc_free(memory);
	}
	return 0;
}
