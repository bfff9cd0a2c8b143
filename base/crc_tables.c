/* SPDX-License-Identifier: MIT */
/*
 * Writes crc_tables.h while the project is built: no magic numbers to believe.
 *
 * Polynomials over GF(2) are kept reflected, as the CRCs are: the lowest bit of
 * a word is the highest power.  For each CRC there are eight tables, table k
 * for a byte with k more behind it, and powers of x modulo the polynomial, to
 * move a remainder past whole blocks with one carry-less multiplication.
 */
#include <inttypes.h>
#include <stdio.h>

#define CRC32C    UINT64_C(0x82f63b78)         /* 0x1edc6f41 reflected */
#define CRC64NVME UINT64_C(0x9a6c9329ac4bc9b5) /* 0xad93d23594c93659 */

/* remainder * x modulo the polynomial. */
static uint64_t times_x(uint64_t remainder, uint64_t poly)
{
	return remainder >> 1 ^ (remainder & 1 ? poly : 0);
}

/* x^n modulo a polynomial of that degree. */
static uint64_t power_of_x(unsigned n, uint64_t poly, unsigned degree)
{
	uint64_t remainder = UINT64_C(1) << (degree - 1); /* x^0 */

	while (n-- > 0)
		remainder = times_x(remainder, poly);
	return remainder;
}

/* The remainder of one byte followed by k others that are zero. */
static uint64_t entry(uint64_t byte, unsigned k, uint64_t poly)
{
	for (unsigned bit = 0; bit < 8 * (k + 1); bit++)
		byte = times_x(byte, poly);
	return byte;
}

/* "static const TYPE NAME_table[8][256]". */
static void write_tables(const char *type, const char *name, uint64_t poly)
{
	printf("static const %s %s_table[8][256] = {\n", type, name);
	for (unsigned k = 0; k < 8; k++) {
		printf("\t{\n");
		for (unsigned byte = 0; byte < 256; byte++)
			printf("\t\tUINT64_C(0x%" PRIx64 "),\n",
			       entry(byte, k, poly));
		printf("\t},\n");
	}
	printf("};\n");
}

/* "#define NAME_X_N": x^n modulo the polynomial. */
static void write_power(const char *name, unsigned n, uint64_t poly,
                        unsigned degree)
{
	printf("#define %s_X_%u UINT64_C(0x%" PRIx64 ")\n", name, n,
	       power_of_x(n, poly, degree));
}

int main(void)
{
	printf("/* Made by crc_tables.c. */\n#include <stdint.h>\n");
	write_tables("uint32_t", "crc32c", CRC32C);
	write_tables("uint64_t", "crc64nvme", CRC64NVME);

	/* One and two blocks of 1024 bytes, less the 33 that crc.c explains. */
	write_power("CRC32C", 8 * 1024 - 33, CRC32C, 32);
	write_power("CRC32C", 8 * 2048 - 33, CRC32C, 32);

	/* 128 and 512 bits, for the low half 64 more; less one: see there. */
	write_power("CRC64NVME", 127, CRC64NVME, 64);
	write_power("CRC64NVME", 191, CRC64NVME, 64);
	write_power("CRC64NVME", 511, CRC64NVME, 64);
	write_power("CRC64NVME", 575, CRC64NVME, 64);
	return ferror(stdout) ? 1 : 0;
}
