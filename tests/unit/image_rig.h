/* SPDX-License-Identifier: MIT */
/* A file's bytes as they must be, beside the file: for tests of drafts. */
#ifndef PORTER_TEST_IMAGE_RIG_H
#define PORTER_TEST_IMAGE_RIG_H

#include "content_rig.h"

#include <linux/falloc.h>
#include <unistd.h>

#define WR (O_WRONLY | O_CREAT)
#define RW (O_RDWR | O_CREAT)

/* What a file must hold. */
struct image {
	uint8_t *bytes;
	uint64_t size;
	uint64_t room;
};

rig_fn void image_init(struct image *image, uint64_t room)
{
	image->bytes = calloc(1, room);
	assert_non_null(image->bytes);
	image->size = 0;
	image->room = room;
}

rig_fn void image_release(struct image *image)
{
	free(image->bytes);
}

/* Make it longer, by zeros, or shorter. */
rig_fn void image_resize(struct image *image, uint64_t size)
{
	assert_true(size <= image->room);
	if (size > image->size)
		memset(image->bytes + image->size, 0, size - image->size);
	image->size = size;
}

/* An object of that content, put behind the mount's back. */
rig_fn void image_put(struct rig *rig, const struct image *image)
{
	assert_int_equal(fake_store_put(rig->fake, "f", image->bytes,
	                                image->size, NULL),
	                 0);
}

/* The store's object must be that. */
rig_fn void image_check(struct rig *rig, const struct image *image)
{
	struct str bytes = {0};

	assert_int_equal(fake_store_get(rig->fake, "f", &bytes), 0);
	assert_int_equal(bytes.len, image->size);
	assert_true(image->size == 0 ||
	            memcmp(bytes.data, image->bytes, image->size) == 0);
	str_release(&bytes);
}

/* Write len bytes of a value; the image gets them too. */
rig_fn int put(struct rig *rig, struct fs_handle *handle, struct image *image,
               struct rig_piece piece, uint8_t value)
{
	struct rig_call c = rig_call(1);
	uint8_t *data = malloc(piece.size);
	int r;

	assert_non_null(data);
	memset(data, value, piece.size);
	fs_write(rig->fs, &c.call, handle, piece.offset,
	         (struct slice){data, piece.size});
	r = rig_status(&c);
	free(data);
	if (r < 0)
		return r;
	assert_int_equal(c.call.count, piece.size);
	if (piece.offset + piece.size > image->size)
		image_resize(image, piece.offset + piece.size);
	memset(image->bytes + piece.offset, value, piece.size);
	return 0;
}

/* Reading a range through the handle must give what the image has. */
rig_fn void look(struct rig *rig, struct fs_handle *handle,
                 const struct image *image, struct rig_piece piece)
{
	uint64_t left =
		piece.offset < image->size ? image->size - piece.offset : 0;
	struct rig_call c;

	rig_read_start(rig, &c, handle, piece.offset, piece.size);
	assert_int_equal(rig_status(&c), 0);
	assert_int_equal(c.got, left < piece.size ? left : piece.size);
	assert_true(c.got == 0 ||
	            memcmp(c.data, image->bytes + piece.offset, c.got) == 0);
	free(c.data);
}

rig_fn int allocate(struct rig *rig, struct fs_handle *handle, int mode,
                    struct rig_piece piece)
{
	struct rig_call c = rig_call(1);

	fs_fallocate(rig->fs, &c.call, handle, mode, piece.offset, piece.size);
	return rig_status(&c);
}

/* lseek(2): the offset or the failure. */
rig_fn int64_t seek(struct rig *rig, struct fs_handle *handle, uint64_t offset,
                    int whence)
{
	struct rig_call c = rig_call(1);
	int r;

	fs_lseek(rig->fs, &c.call, handle, offset, whence);
	r = rig_status(&c);
	return r < 0 ? r : (int64_t)c.call.count;
}

/* A mount with an object "f" of size bytes; its nodeid. */
rig_fn uint64_t begin(struct rig *rig, struct image *image, uint64_t size)
{
	image_init(image, 8 * MIB);
	image_resize(image, size);
	for (uint64_t i = 0; i < size; i++)
		image->bytes[i] = rig_byte(i);
	image_put(rig, image);
	return rig_lookup(rig, "f");
}

#endif
