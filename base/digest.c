/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

/* One whole text through one algorithm. */
static int digest_once(const EVP_MD *md, const void *data, size_t len,
                       uint8_t *ret)
{
	return EVP_Digest(data, len, ret, NULL, md, NULL) == 1 ? 0 : -EIO;
}

int digest_sha256(const void *data, size_t len, uint8_t ret[SHA256_SIZE])
{
	return digest_once(EVP_sha256(), data, len, ret);
}

int digest_md5(const void *data, size_t len, uint8_t ret[MD5_SIZE])
{
	return digest_once(EVP_md5(), data, len, ret);
}

int digest_hmac_sha256(const void *key, size_t key_len, const void *data,
                       size_t len, uint8_t ret[SHA256_SIZE])
{
	assert(key_len <= INT_MAX);

	/* OpenSSL takes a NULL key for "the one of before". */
	return HMAC(EVP_sha256(), key_len > 0 ? key : "", (int)key_len, data,
	            len, ret, NULL)
	               ? 0
	               : -EIO;
}

struct digest {
	EVP_MD_CTX *ctx;
	bool failed; /* some update did */
};

int digest_new(enum digest_kind kind, struct digest **ret)
{
	cleanup(digest_freep) struct digest *digest =
		calloc(1, sizeof(*digest));

	if (!digest)
		return -ENOMEM;

	digest->ctx = EVP_MD_CTX_new();
	if (!digest->ctx)
		return -ENOMEM;
	if (EVP_DigestInit_ex(digest->ctx,
	                      kind == DIGEST_MD5 ? EVP_md5() : EVP_sha256(),
	                      NULL) != 1)
		return -EIO;

	*ret = take(&digest);
	return 0;
}

void digest_update(struct digest *digest, const void *data, size_t len)
{
	if (EVP_DigestUpdate(digest->ctx, data, len) != 1)
		digest->failed = true;
}

int digest_finish(struct digest *digest, uint8_t *ret)
{
	if (digest->failed || EVP_DigestFinal_ex(digest->ctx, ret, NULL) != 1)
		return -EIO;
	return 0;
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;

	EVP_MD_CTX_free(digest->ctx);
	free(digest);
}

uint64_t digest_xxh64(const void *data, size_t len, uint64_t seed)
{
	return XXH64(data, len, seed);
}

/* xxhash's pair as ours. */
static struct digest128 digest128(XXH128_hash_t hash)
{
	return (struct digest128){.high = hash.high64, .low = hash.low64};
}

struct digest128 digest_xxh128(const void *data, size_t len)
{
	return digest128(XXH3_128bits(data, len));
}

/* struct digest_xxh is a name for xxhash's state. */
static XXH3_state_t *xxh_state(struct digest_xxh *x)
{
	return (XXH3_state_t *)(void *)x;
}

struct digest_xxh *digest_xxh_new(void)
{
	XXH3_state_t *state = XXH3_createState();

	if (state)
		(void)XXH3_128bits_reset(state); /* fails for NULL only */
	return (struct digest_xxh *)(void *)state;
}

void digest_xxh_update(struct digest_xxh *x, const void *data, size_t len)
{
	(void)XXH3_128bits_update(xxh_state(x), data, len);
}

struct digest128 digest_xxh_finish(const struct digest_xxh *x)
{
	return digest128(
		XXH3_128bits_digest((const XXH3_state_t *)(const void *)x));
}

void digest_xxh_free(struct digest_xxh *x)
{
	(void)XXH3_freeState(xxh_state(x));
}

void digest_hex(const void *data, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		*ret++ = digits[p[i] >> 4];
		*ret++ = digits[p[i] & 15];
	}
	*ret = '\0';
}

void digest_base64(const void *data, size_t len, char *ret)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = data;

	for (; len > 0; len -= len < 3 ? len : 3, p += 3) {
		uint32_t group = (uint32_t)p[0] << 16;

		if (len > 1)
			group |= (uint32_t)p[1] << 8;
		if (len > 2)
			group |= p[2];
		*ret++ = digits[group >> 18];
		*ret++ = digits[group >> 12 & 63];
		*ret++ = (char)(len > 1 ? digits[group >> 6 & 63] : '=');
		*ret++ = (char)(len > 2 ? digits[group & 63] : '=');
	}
	*ret = '\0';
}

void digest_random(void *ret, size_t len)
{
	uint8_t *p = ret;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* a kernel without entropy signs nothing */
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}
