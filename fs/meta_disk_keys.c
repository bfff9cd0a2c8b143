/* SPDX-License-Identifier: MIT */
#include "base/digest.h"
#include "escape.h"
#include "key.h"
#include "meta_disk_impl.h"

#include <string.h>

/* Bytes of a name or bound that stand in a key as they are. */
#define WHOLE_MAX (KV_KEY_MAX - DIR_ID_SIZE - 2 - 8)

void disk_id(uint64_t bucket, const char *path, size_t len,
             uint8_t ret[DIR_ID_SIZE])
{
	const uint64_t halves[2] = {
		digest_xxh64(path, len, bucket),
		digest_xxh64(path, len, ~bucket),
	};

	memcpy(ret, halves, DIR_ID_SIZE);
}

struct slice disk_slice(struct disk_key *key)
{
	return (struct slice){key->bytes, key->len};
}

static void add(struct disk_key *key, const void *data, size_t len)
{
	memcpy(key->bytes + key->len, data, len);
	key->len += len;
}

void disk_name_key(const struct meta_key *key, struct disk_key *ret)
{
	size_t dir = key_parent_len(key->path);
	const char *name = key_base(key->path);
	size_t len = strlen(name);

	disk_id(key->bucket, key->path, dir, ret->bytes);
	ret->len = DIR_ID_SIZE;
	add(ret, name, len < WHOLE_MAX ? len : WHOLE_MAX);
	if (len >= WHOLE_MAX) {
		uint64_t hash = digest_xxh64(name, len, 0);

		add(ret, &hash, sizeof(hash));
	}
}

void disk_range_key(const struct meta_key *dir, const struct slice *high,
                    struct disk_key *ret)
{
	disk_id(dir->bucket, dir->path, strlen(dir->path), ret->bytes);
	ret->len = DIR_ID_SIZE;
	add(ret, high ? "\1" : "\2", 1);
	if (high && high->len > 0)
		add(ret, high->data,
		    high->len < WHOLE_MAX ? high->len : WHOLE_MAX);
}

bool disk_of_dir(struct slice k, const uint8_t id[DIR_ID_SIZE])
{
	return k.len >= DIR_ID_SIZE && memcmp(k.data, id, DIR_ID_SIZE) == 0;
}

bool disk_component(const char *path, char ret[STORE_KEY_MAX + 1],
                    bool *ret_aside)
{
	const char *name = key_base(path);

	*ret_aside = escape_is_aside(path);
	if (!escape_path_is_odd(name)) {
		memcpy(ret, name, strlen(name) + 1);
		return name[0] != 0;
	}
	if (strcmp(name, ESCAPE_EMPTY) == 0) { /* a directory's alone */
		ret[0] = 0;
		return true;
	}
	return escape_to_key(name, ret) == 0;
}

int disk_find_range(struct kv_txn *txn, const struct meta_key *dir,
                    struct slice target, struct meta_range *ret,
                    struct disk_key *ret_key)
{
	cleanup(kv_cursor_closep) struct kv_cursor *cursor = NULL;
	struct disk_key from;
	struct slice k;
	struct slice value;
	int r = kv_cursor_open(txn, TABLE_RANGES, &cursor);

	if (r < 0)
		return r;
	disk_range_key(dir, &target, &from);
	r = kv_cursor_seek(cursor, disk_slice(&from), &k, &value);
	if (r < 0)
		return r;
	if (!disk_of_dir(k, from.bytes) || k.len > KV_KEY_MAX)
		return -ENOENT;
	memcpy(ret_key->bytes, k.data, k.len);
	ret_key->len = k.len;
	r = meta_range_open(dir, value, ret);
	if (r < 0)
		return r;
	if (meta_compare(target, ret->bounds.low) <= 0 ||
	    (!ret->bounds.to_end && meta_compare(target, ret->bounds.high) > 0))
		return -ENOENT;
	return 0;
}
