/* SPDX-License-Identifier: MIT */
#include "base/digest.h"
#include "crc.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Compare bytes with a text of hex digits. */
static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
	char text[2 * 64 + 1];

	digest_hex(bytes, len, text);
	assert_string_equal(text, hex);
}

static void sha256_as_in_fips_180(void **state)
{
	uint8_t sum[SHA256_SIZE];

	(void)state;
	assert_int_equal(digest_sha256("", 0, sum), 0);
	assert_hex(sum, sizeof(sum),
	           "e3b0c44298fc1c149afbf4c8996fb924"
	           "27ae41e4649b934ca495991b7852b855");
	assert_int_equal(digest_sha256("abc", 3, sum), 0);
	assert_hex(sum, sizeof(sum),
	           "ba7816bf8f01cfea414140de5dae2223"
	           "b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(
		digest_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmno"
	                      "mnopnopq",
	                      56, sum),
		0);
	assert_hex(sum, sizeof(sum),
	           "248d6a61d20638b8e5c026930c3e6039"
	           "a33ce45964ff2167f6ecedd419db06c1");
}

static void md5_as_in_rfc_1321(void **state)
{
	uint8_t sum[MD5_SIZE];

	(void)state;
	assert_int_equal(digest_md5("", 0, sum), 0);
	assert_hex(sum, sizeof(sum), "d41d8cd98f00b204e9800998ecf8427e");
	assert_int_equal(digest_md5("message digest", 14, sum), 0);
	assert_hex(sum, sizeof(sum), "f96b697d7cb7938d525a2f31aaf161d0");
}

/* One test case of RFC 4231; texts may be shorter than their array. */
struct hmac_case {
	uint8_t key_byte; /* repeated, unless key is there */
	const char *key;
	size_t key_len;
	uint8_t data_byte; /* likewise */
	const char *data;
	size_t data_len;
	const char *mac;
};

static void hmac_sha256_as_in_rfc_4231(void **state)
{
	static const struct hmac_case cases[] = {
		{0x0b, NULL, 20, 0, "Hi There", 8,
	         "b0344c61d8db38535ca8afceaf0bf12b"
	         "881dc200c9833da726e9376c2e32cff7"},
		{0, "Jefe", 4, 0, "what do ya want for nothing?", 28,
	         "5bdcc146bf60754e6a042426089575c7"
	         "5a003f089d2739839dec58b964ec3843"},
		{0xaa, NULL, 20, 0xdd, NULL, 50,
	         "773ea91e36800e46854db8ebd09181a7"
	         "2959098b3ef8c122d9635514ced565fe"},
		{0xaa, NULL, 131, 0,
	         "Test Using Larger Than Block-Size Key - Hash Key First", 54,
	         "60e431591ee0b67f0d8a26aacbf5b77f"
	         "8e0bc6213728c5140546040f0ee37f54"},
	};
	uint8_t mac[SHA256_SIZE];
	char key[131];
	char data[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct hmac_case *c = &cases[i];

		memset(key, c->key_byte, sizeof(key));
		memset(data, c->data_byte, sizeof(data));
		assert_int_equal(digest_hmac_sha256(c->key ? c->key : key,
		                                    c->key_len,
		                                    c->data ? c->data : data,
		                                    c->data_len, mac),
		                 0);
		assert_hex(mac, sizeof(mac), c->mac);
	}
}

static void an_empty_key_is_a_key(void **state)
{
	uint8_t mac[SHA256_SIZE];

	(void)state;
	assert_int_equal(digest_hmac_sha256(NULL, 0, "", 0, mac), 0);
	assert_hex(mac, sizeof(mac),
	           "b613679a0814d9ec772f95d778c35fc5"
	           "ff1697c493715653c6c712144292c5ad");
}

static void a_stream_in_pieces_has_the_digest_of_the_whole(void **state)
{
	struct digest *sha;
	struct digest *md5;
	uint8_t sum[SHA256_SIZE];

	(void)state;
	assert_int_equal(digest_new(DIGEST_SHA256, &sha), 0);
	assert_int_equal(digest_new(DIGEST_MD5, &md5), 0);
	digest_update(sha, "a", 1);
	digest_update(sha, "", 0);
	digest_update(sha, "bc", 2);
	digest_update(md5, "message ", 8);
	digest_update(md5, "digest", 6);
	assert_int_equal(digest_finish(sha, sum), 0);
	assert_hex(sum, SHA256_SIZE,
	           "ba7816bf8f01cfea414140de5dae2223"
	           "b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(digest_finish(md5, sum), 0);
	assert_hex(sum, MD5_SIZE, "f96b697d7cb7938d525a2f31aaf161d0");
	digest_free(sha);
	digest_free(md5);
	digest_free(NULL);
}

static void crc32c_as_in_rfc_3720(void **state)
{
	uint8_t bytes[32];

	(void)state;
	assert_int_equal(digest_crc32c(0, "123456789", 9), 0xe3069283);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(digest_crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(digest_crc32c(0, bytes, 32), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(digest_crc32c(0, bytes, 32), 0x46dd794e);
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	assert_int_equal(digest_crc32c(0, bytes, 32), 0x113fdb5c);
	assert_int_equal(digest_crc32c(0, "", 0), 0);
}

static void crc64nvme_as_in_the_nvm_command_set(void **state)
{
	static uint8_t bytes[4096];

	(void)state;
	assert_int_equal(digest_crc64nvme(0, "123456789", 9),
	                 UINT64_C(0xae8b14860a799888));
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(digest_crc64nvme(0, bytes, sizeof(bytes)),
	                 UINT64_C(0x6482d367eb22b64e));
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(digest_crc64nvme(0, bytes, sizeof(bytes)),
	                 UINT64_C(0xc0ddba7302eca3ac));
	assert_int_equal(digest_crc64nvme(0, "", 0), 0);
}

/* By definition, a bit at a time: slow and hard to get wrong. */
static uint64_t crc_bits(uint64_t crc, uint64_t poly, const uint8_t *p,
                         size_t len)
{
	for (; len > 0; len--, p++) {
		crc ^= *p;
		for (unsigned i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? poly : 0);
	}
	return crc;
}

static uint32_t crc32c_bits(const uint8_t *p, size_t len)
{
	return ~(uint32_t)crc_bits(0xffffffff, 0x82f63b78, p, len);
}

static uint64_t crc64nvme_bits(const uint8_t *p, size_t len)
{
	return ~crc_bits(UINT64_MAX, UINT64_C(0x9a6c9329ac4bc9b5), p, len);
}

/* Bytes that are the same in every run. */
static void fill(uint8_t *p, size_t len)
{
	uint32_t seed = 7;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (uint8_t)(seed >> 24);
	}
}

static void crcs_of_every_length_and_alignment_agree(void **state)
{
	static uint8_t bytes[10000];

	(void)state;
	fill(bytes, sizeof(bytes));
	for (size_t len = 0; len < 9900; len += len < 300 ? 1 : 97) {
		const uint8_t *p = bytes + len % 19;
		uint32_t crc32 = crc32c_bits(p, len);
		uint64_t crc64 = crc64nvme_bits(p, len);

		assert_int_equal(digest_crc32c(0, p, len), crc32);
		assert_int_equal(crc32c_portable(0, p, len), crc32);
		assert_int_equal(digest_crc64nvme(0, p, len), crc64);
		assert_int_equal(crc64nvme_portable(0, p, len), crc64);
	}
}

static void crcs_run_on_wherever_the_stream_is_cut(void **state)
{
	static uint8_t bytes[8000];
	uint32_t crc32;
	uint64_t crc64;

	(void)state;
	fill(bytes, sizeof(bytes));
	crc32 = crc32c_bits(bytes, sizeof(bytes));
	crc64 = crc64nvme_bits(bytes, sizeof(bytes));
	for (size_t cut = 0; cut <= sizeof(bytes); cut += 61) {
		size_t rest = sizeof(bytes) - cut;

		assert_int_equal(digest_crc32c(digest_crc32c(0, bytes, cut),
		                               bytes + cut, rest),
		                 crc32);
		assert_int_equal(
			digest_crc64nvme(digest_crc64nvme(0, bytes, cut),
		                         bytes + cut, rest),
			crc64);
	}
}

static void xxhash_as_its_specification_says(void **state)
{
	struct digest128 empty = digest_xxh128("", 0);

	(void)state;
	assert_int_equal(digest_xxh64("", 0, 0), UINT64_C(0xef46db3751d8e999));
	assert_int_equal(digest_xxh64("abc", 3, 0),
	                 UINT64_C(0x44bc2cf5ad770999));
	assert_int_not_equal(digest_xxh64("abc", 3, 1),
	                     digest_xxh64("abc", 3, 0));
	assert_int_equal(empty.high, UINT64_C(0x99aa06d3014798d8));
	assert_int_equal(empty.low, UINT64_C(0x6001c324468d497f));
}

static void a_running_xxh128_is_that_of_the_whole(void **state)
{
	static uint8_t bytes[5000];
	struct digest_xxh *x = digest_xxh_new();

	(void)state;
	assert_non_null(x);
	fill(bytes, sizeof(bytes));
	digest_xxh_update(x, bytes, 1);
	digest_xxh_update(x, bytes + 1, 1000);
	digest_xxh_update(x, bytes + 1001, 3999);

	struct digest128 running = digest_xxh_finish(x);
	struct digest128 whole = digest_xxh128(bytes, sizeof(bytes));

	assert_int_equal(running.high, whole.high);
	assert_int_equal(running.low, whole.low);
	digest_xxh_free(x);
	digest_xxh_free(NULL);
}

static void base64_as_in_rfc_4648(void **state)
{
	static const char *const codes[] = {
		"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
	};
	char text[9];

	(void)state;
	for (size_t len = 0; len <= 6; len++) {
		digest_base64("foobar", len, text);
		assert_string_equal(text, codes[len]);
	}
	digest_base64("\xfb\xff\xfe", 3, text);
	assert_string_equal(text, "+//+");
}

static void hex_is_lower_case(void **state)
{
	char text[9];

	(void)state;
	digest_hex("\x00\x7f\xab\xff", 4, text);
	assert_string_equal(text, "007fabff");
	digest_hex("", 0, text);
	assert_string_equal(text, "");
}

static void random_bytes_fill_all_and_nothing_else(void **state)
{
	uint8_t bytes[600] = {0};
	unsigned zeros = 0;

	(void)state;
	digest_random(bytes, 512);
	for (unsigned i = 0; i < 512; i++)
		zeros += bytes[i] == 0;
	assert_true(zeros < 64); /* 2 are usual */
	for (unsigned i = 512; i < 600; i++)
		assert_int_equal(bytes[i], 0);
	digest_random(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_as_in_fips_180),
		cmocka_unit_test(md5_as_in_rfc_1321),
		cmocka_unit_test(hmac_sha256_as_in_rfc_4231),
		cmocka_unit_test(an_empty_key_is_a_key),
		cmocka_unit_test(
			a_stream_in_pieces_has_the_digest_of_the_whole),
		cmocka_unit_test(crc32c_as_in_rfc_3720),
		cmocka_unit_test(crc64nvme_as_in_the_nvm_command_set),
		cmocka_unit_test(crcs_of_every_length_and_alignment_agree),
		cmocka_unit_test(crcs_run_on_wherever_the_stream_is_cut),
		cmocka_unit_test(xxhash_as_its_specification_says),
		cmocka_unit_test(a_running_xxh128_is_that_of_the_whole),
		cmocka_unit_test(base64_as_in_rfc_4648),
		cmocka_unit_test(hex_is_lower_case),
		cmocka_unit_test(random_bytes_fill_all_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
