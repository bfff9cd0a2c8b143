/* SPDX-License-Identifier: MIT */
/* See load_text.h. */
#include "load_text.h"

#include <errno.h>
#include <string.h>

#define RAW_SIZE ((size_t)256 << 10) /* bytes of one read */

/* What begins a dump whose last line says that it is complete. */
static const char *const announcements[] = {
	"-- MySQL dump ",
	"-- MariaDB dump ",
	"-- porterfs dump",
};

/* What may stand before it, on a line of its own. */
static const char sandbox[] = "/*M!999999\\-";

/* The last line of such a dump. */
static const char completion[] = "-- Dump completed";

/* Text without NULs and marks: UTF-16 of ASCII reads as ASCII. */
static size_t squeeze(const uint8_t *text, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < size; i++) {
		if (text[i] != 0 && text[i] != 0xEF && text[i] != 0xBB &&
		    text[i] != 0xBF && text[i] < 0xFE)
			out[n++] = (char)text[i];
	}
	return n;
}

bool load_announces(const uint8_t *head, size_t len)
{
	char room[256];
	const char *text = room;
	size_t n = squeeze(head, len, room, sizeof(room));

	if (n > strlen(sandbox) &&
	    memcmp(text, sandbox, strlen(sandbox)) == 0) {
		text = memchr(room, '\n', n);
		if (!text)
			return false;
		text++;
		n -= (size_t)(text - room);
	}
	for (size_t i = 0; i < sizeof(announcements) / sizeof(announcements[0]);
	     i++) {
		size_t wanted = strlen(announcements[i]);

		if (n >= wanted && memcmp(text, announcements[i], wanted) == 0)
			return true;
	}
	return false;
}

bool load_completed(const uint8_t *tail, size_t len)
{
	char text[LOAD_TAIL];
	size_t n = squeeze(tail, len, text, sizeof(text));
	const char *at = memmem(text, n, completion, strlen(completion));

	/* a line of its own, and the last one with words */
	if (!at || (at > text && at[-1] != '\n'))
		return false;
	at = memchr(at, '\n', (size_t)(text + n - at));
	for (; at && at < text + n; at++) {
		if (*at > ' ')
			return false;
	}
	return true;
}

static int cut_short(struct err *reterr)
{
	return err_set(
		reterr, -EBADMSG,
		"TRUNCATED: it begins as a dump and does not end as one: "
		"its last line '%s' is missing",
		completion);
}

int load_text_check_end(struct load_text *t, struct err *reterr)
{
	uint8_t tail[LOAD_TAIL];
	uint64_t size = t->source->size;
	size_t len = size < LOAD_TAIL ? (size_t)size : LOAD_TAIL;

	if (!t->announced)
		return 1;
	if (t->kind != CODEC_PLAIN || !t->source->ops->read_at ||
	    size == LOAD_SIZE_UNKNOWN)
		return 0;

	int r = t->source->ops->read_at(t->source, size - len, tail, len,
	                                reterr);

	if (r < 0)
		return r;
	return load_completed(tail, len) ? 1 : cut_short(reterr);
}

/* Reading */

/* Up to RAW_SIZE bytes into raw; a pipe may give them in bits. */
static int read_raw(struct load_text *t, size_t least, struct err *reterr)
{
	size_t have = 0;

	while (!t->source_ended && have < least) {
		ssize_t n = t->source->ops->read(t->source, t->raw + have,
		                                 RAW_SIZE - have, reterr);

		if (n < 0)
			return (int)n;
		t->source_ended = n == 0;
		have += (size_t)n;
	}
	t->bytes += have;
	t->io.in = t->raw;
	t->io.in_len = have;
	return 0;
}

/* Unpack into room bytes at out. Returns bytes written; 0: the end. */
static ssize_t unpack(struct load_text *t, uint8_t *out, size_t room,
                      struct err *reterr)
{
	t->io.out = out;
	t->io.out_len = room;
	for (;;) {
		int r = codec_step(t->codec, &t->io, false);

		if (r < 0)
			return err_set(reterr, r, "unpacking %s: %s",
			               codec_name(t->kind),
			               r == -EBADMSG ? "the data are damaged"
			                             : strerrordesc_np(-r));
		t->frame_ended = r == 1;
		if (t->io.out_len < room)
			return (ssize_t)(room - t->io.out_len);
		if (t->source_ended && t->io.in_len == 0)
			break;
		if (t->io.in_len == 0) {
			r = read_raw(t, 1, reterr);
			if (r < 0)
				return r;
		}
	}
	if (!t->frame_ended)
		return err_set(reterr, -EBADMSG,
		               "TRUNCATED: the %s data end in the middle",
		               codec_name(t->kind));
	return 0;
}

/* The next bytes of text into plain, behind have. 0: the end. */
static ssize_t read_text(struct load_text *t, size_t have, struct err *reterr)
{
	size_t room = LOAD_HEAD - have;

	if (t->codec)
		return unpack(t, t->plain + have, room, reterr);
	if (t->io.in_len == 0) {
		int r = read_raw(t, 1, reterr);

		if (r < 0)
			return r;
	}
	size_t n = t->io.in_len < room ? t->io.in_len : room;

	memcpy(t->plain + have, t->io.in, n);
	t->io.in += n;
	t->io.in_len -= n;
	return (ssize_t)n;
}

static int read_head(struct load_text *t, struct err *reterr)
{
	int r = read_raw(t, CODEC_SNIFF_MAX, reterr);

	if (r < 0)
		return r;
	t->kind = codec_sniff(t->io.in, t->io.in_len);
	t->frame_ended = true;
	if (t->kind != CODEC_PLAIN && codec_decoder_new(t->kind, &t->codec) < 0)
		return err_set(reterr, -ENOMEM, "no memory to unpack %s",
		               codec_name(t->kind));

	while (t->head_len < LOAD_HEAD) {
		ssize_t n = read_text(t, t->head_len, reterr);

		t->head_is_all = n == 0;
		if (n <= 0)
			return (int)n;
		t->head_len += (size_t)n;
	}
	return 0;
}

int load_text_open(struct load_text *t, struct load_source *source,
                   struct err *reterr)
{
	struct split_config config = {0};

	*t = (struct load_text){.source = source};
	t->raw = malloc(RAW_SIZE);
	t->plain = malloc(LOAD_HEAD);
	if (!t->raw || !t->plain || split_new(&config, &t->split) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");

	int r = read_head(t, reterr);

	t->announced = r == 0 && load_announces(t->plain, t->head_len);
	return r;
}

void load_text_release(struct load_text *t)
{
	codec_free(t->codec);
	split_free(t->split);
	free(t->raw);
	free(t->plain);
	*t = (struct load_text){0};
}

/* Remember the last bytes. */
static void keep_tail(struct load_text *t, size_t len)
{
	if (len >= LOAD_TAIL) {
		memcpy(t->tail, t->plain + len - LOAD_TAIL, LOAD_TAIL);
		t->tail_len = LOAD_TAIL;
		return;
	}
	size_t kept = LOAD_TAIL - len;

	if (kept > t->tail_len)
		kept = t->tail_len;
	memmove(t->tail, t->tail + t->tail_len - kept, kept);
	memcpy(t->tail + kept, t->plain, len);
	t->tail_len = kept + len;
}

/* Give the splitter more. Returns 1 when it got some, 0 at the end. */
static int feed(struct load_text *t, struct err *reterr)
{
	ssize_t n = (ssize_t)t->head_len;

	if (t->head_fed || n == 0)
		n = read_text(t, 0, reterr);
	t->head_fed = true;
	if (n <= 0)
		return (int)n;
	keep_tail(t, (size_t)n);
	t->fed += (uint64_t)n;

	int r = split_feed(t->split, t->plain, (size_t)n, reterr);

	return r < 0 ? r : 1;
}

int load_text_next(struct load_text *t, struct split_statement *ret,
                   struct err *reterr)
{
	for (;;) {
		int r = split_next(t->split, ret, reterr);

		if (r != 0)
			return r;
		r = feed(t, reterr);
		if (r < 0)
			return r;
		if (r == 1)
			continue;

		r = split_end(t->split, reterr);
		if (r == 0)
			r = split_next(t->split, ret, reterr);
		if (r != 0)
			return r;
		if (t->announced && !load_completed(t->tail, t->tail_len))
			return cut_short(reterr);
		return 0;
	}
}
