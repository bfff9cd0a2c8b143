/* SPDX-License-Identifier: MIT */
/*
 * Digests and text codings of bytes: OpenSSL, xxhash, CRC32C, CRC64-NVME.
 *
 * All are pure and may run on any thread.  The CRCs are those that S3 names
 * x-amz-checksum-crc32c (RFC 3720, Castagnoli) and x-amz-checksum-crc64nvme
 * (NVM Express base specification); they use the processor's instructions
 * where it has them.
 */
#ifndef PORTER_BASE_DIGEST_H
#define PORTER_BASE_DIGEST_H

#include "base/cleanup.h"

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32 /* bytes */
#define MD5_SIZE    16 /* bytes */

/* The simple ones. Return 0, or -ENOMEM / -EIO when OpenSSL fails. */
int digest_sha256(const void *data, size_t len, uint8_t ret[SHA256_SIZE]);
int digest_md5(const void *data, size_t len, uint8_t ret[MD5_SIZE]);
int digest_hmac_sha256(const void *key, size_t key_len, const void *data,
                       size_t len, uint8_t ret[SHA256_SIZE]);

/* Running digests of a stream. */
struct digest; /* opaque */

enum digest_kind {
	DIGEST_SHA256,
	DIGEST_MD5,
};
int digest_new(enum digest_kind kind, struct digest **ret);
void digest_update(struct digest *digest, const void *data, size_t len);
/*
 * Writes SHA256_SIZE or MD5_SIZE bytes. Returns 0, or -EIO when OpenSSL failed
 * at any time.  The digest can only be freed then.
 */
int digest_finish(struct digest *digest, uint8_t *ret);
void digest_free(struct digest *digest);
DEFINE_CLEANUP(struct digest *, digest_free);

/* Running CRCs: start with 0, feed the result back in. */
uint32_t digest_crc32c(uint32_t crc, const void *data, size_t len);
uint64_t digest_crc64nvme(uint64_t crc, const void *data, size_t len);

/* Fast, not cryptographic: XXH64 and XXH3's 128 bits. */
uint64_t digest_xxh64(const void *data, size_t len, uint64_t seed);
struct digest128 {
	uint64_t high;
	uint64_t low;
};
struct digest128 digest_xxh128(const void *data, size_t len);

/* Running xxh128. new returns NULL when out of memory. */
struct digest_xxh; /* opaque */
struct digest_xxh *digest_xxh_new(void);
void digest_xxh_update(struct digest_xxh *x, const void *data, size_t len);
struct digest128 digest_xxh_finish(const struct digest_xxh *x);
void digest_xxh_free(struct digest_xxh *x);
DEFINE_CLEANUP(struct digest_xxh *, digest_xxh_free);

/* Lower-case hex: writes 2 * len + 1 bytes. */
void digest_hex(const void *data, size_t len, char *ret);

/* Standard base64 with padding: writes 4 * ((len + 2) / 3) + 1 bytes. */
void digest_base64(const void *data, size_t len, char *ret);

/* len random bytes from the kernel; never fails (aborts without entropy). */
void digest_random(void *ret, size_t len);

#endif
