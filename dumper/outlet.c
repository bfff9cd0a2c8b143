/* SPDX-License-Identifier: MIT */
/*
 * The way out.  Two locks: `hold` is the right to put bytes into the sink, kept
 * over its blocking write() by whoever has it; `lock` guards the first failure
 * and is taken for a moment, also inside hold.
 */
#include "outlet.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct outlet {
	struct outlet_config config;
	struct dump_progress none; /* counts for nobody */

	pthread_mutex_t hold; /* before lock */
	uint64_t offset;      /* hold: bytes in the sink */
	uint64_t plain;       /* hold: bytes of text */
	uint64_t blocks;      /* hold */
	struct str line;      /* hold: of the index */
	bool index_broken;    /* hold: it is not written on */

	pthread_mutex_t lock;
	struct err first; /* lock: code 0 = none */
};

struct outlet_writer {
	struct outlet *outlet;
	struct codec *codec;
	struct str text;
	uint8_t *packed; /* owned; room for one compressed block */
	size_t packed_size;
	const char *part, *kind; /* of the label */
	struct str db, table;    /* of the label */
	bool holding;

	/* Of the block at hand. */
	uint64_t offset; /* where its first piece went */
	uint64_t length;
	uint64_t plain;
	uint32_t crc;
	uint64_t rows;
	struct str first_key, last_key;
};

int outlet_new(const struct outlet_config *config, struct outlet **ret)
{
	struct outlet *outlet = calloc(1, sizeof(*outlet));

	if (!outlet)
		return -ENOMEM;
	outlet->config = *config;
	if (!outlet->config.progress)
		outlet->config.progress = &outlet->none;
	(void)pthread_mutex_init(&outlet->hold, NULL);
	(void)pthread_mutex_init(&outlet->lock, NULL);
	*ret = outlet;
	return 0;
}

void outlet_free(struct outlet *outlet)
{
	if (!outlet)
		return;
	str_release(&outlet->line);
	(void)pthread_mutex_destroy(&outlet->lock);
	(void)pthread_mutex_destroy(&outlet->hold);
	free(outlet);
}

int outlet_writer_new(struct outlet *outlet, struct outlet_writer **ret)
{
	cleanup(outlet_writer_freep) struct outlet_writer *writer =
		calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return -ENOMEM;
	writer->outlet = outlet;
	if (outlet->config.codec != CODEC_PLAIN) {
		r = codec_encoder_new(outlet->config.codec,
		                      outlet->config.level, &writer->codec);
		if (r < 0)
			return r;
	}
	*ret = take(&writer);
	return 0;
}

void outlet_writer_free(struct outlet_writer *writer)
{
	if (!writer)
		return;
	if (writer->holding)
		(void)pthread_mutex_unlock(&writer->outlet->hold);
	codec_free(writer->codec);
	str_release(&writer->text);
	str_release(&writer->first_key);
	str_release(&writer->last_key);
	str_release(&writer->db);
	str_release(&writer->table);
	free(writer->packed);
	free(writer);
}

struct str *outlet_text(struct outlet_writer *writer)
{
	return &writer->text;
}

void outlet_rows(struct outlet_writer *writer, uint64_t rows, const char *first,
                 const char *last)
{
	writer->rows += rows;
	if (first && writer->first_key.len == 0)
		str_add(&writer->first_key, first);
	if (last) {
		str_reset(&writer->last_key);
		str_add(&writer->last_key, last);
	}
}

int outlet_fail(struct outlet *outlet, int code, const struct err *err)
{
	WITH_LOCK(&outlet->lock);

	if (outlet->first.code == 0) {
		outlet->first = *err;
		outlet->first.code = code;
	}
	return outlet->first.code;
}

int outlet_status(struct outlet *outlet, struct err *reterr)
{
	WITH_LOCK(&outlet->lock);

	if (outlet->first.code == 0)
		return 0;
	return err_set(reterr, outlet->first.code, "%s", outlet->first.text);
}

/* ---- the index ---- */

static void index_put(struct outlet *outlet, struct jval *line)
{
	struct dump_sink *index = outlet->config.index;
	struct err ignored;

	str_reset(&outlet->line);
	if (!line || jval_dump(line, &outlet->line) < 0) {
		outlet->index_broken = true;
		return;
	}
	str_add_char(&outlet->line, '\n');
	if (str_status(&outlet->line) < 0 ||
	    index->ops->write(index, outlet->line.data, outlet->line.len,
	                      &ignored) < 0)
		outlet->index_broken = true;
}

/* Set a text if it is there and UTF-8; a name that is not is left out. */
static void set_text(struct jval *line, const char *name, const char *text)
{
	if (line && text && *text)
		(void)jval_set_text(line, name, text);
}

static void set_number(struct jval *line, const char *name, uint64_t value)
{
	if (line)
		(void)jval_set_u64(line, name, value);
}

static void index_head(struct outlet *outlet)
{
	cleanup(jval_freep) struct jval *line = jval_new_object();

	set_number(line, "porter_index", 1);
	set_text(line, "compress", codec_name(outlet->config.codec));
	index_put(outlet, line);
}

static void index_block(struct outlet_writer *writer)
{
	struct outlet *outlet = writer->outlet;
	cleanup(jval_freep) struct jval *line = NULL;
	char crc[9];

	if (!outlet->config.index || outlet->index_broken)
		return;
	if (outlet->blocks == 1)
		index_head(outlet);
	line = jval_new_object();
	(void)snprintf(crc, sizeof(crc), "%08x", writer->crc);
	set_number(line, "offset", writer->offset);
	set_number(line, "length", writer->length);
	set_number(line, "plain", writer->plain);
	set_text(line, "crc32c", crc);
	set_text(line, "part", writer->part);
	set_text(line, "kind", writer->kind);
	set_text(line, "db", str_text(&writer->db));
	set_text(line, "table", str_text(&writer->table));
	if (strcmp(writer->part, "rows") == 0)
		set_number(line, "rows", writer->rows);
	set_text(line, "first", str_text(&writer->first_key));
	set_text(line, "last", str_text(&writer->last_key));
	index_put(outlet, line);
}

static void index_end(struct outlet *outlet)
{
	cleanup(jval_freep) struct jval *line = jval_new_object();

	if (line)
		(void)jval_set_bool(line, "end", true);
	set_number(line, "blocks", outlet->blocks);
	set_number(line, "bytes", outlet->offset);
	set_number(line, "plain", outlet->plain);
	index_put(outlet, line);
}

/* ---- blocks ---- */

/* The block's text as one frame in writer->packed. */
static int pack(struct outlet_writer *writer, size_t *ret)
{
	size_t most =
		codec_bound(writer->outlet->config.codec, writer->text.len);
	struct codec_io io;

	if (most > writer->packed_size) {
		uint8_t *more = realloc(writer->packed, most);

		if (!more)
			return -ENOMEM;
		writer->packed = more;
		writer->packed_size = most;
	}
	io = (struct codec_io){.in = (const uint8_t *)writer->text.data,
	                       .in_len = writer->text.len,
	                       .out = writer->packed,
	                       .out_len = writer->packed_size};
	for (int r = 0; r != 1;) {
		r = codec_step(writer->codec, &io, true);
		if (r < 0)
			return r;
		if (r == 0 && io.out_len == 0)
			return -ENOMEM; /* the bound was none */
	}
	*ret = writer->packed_size - io.out_len;
	return 0;
}

static void hold(struct outlet_writer *writer)
{
	if (!writer->holding)
		(void)pthread_mutex_lock(&writer->outlet->hold);
	writer->holding = true;
}

static void let_go(struct outlet_writer *writer)
{
	if (writer->holding)
		(void)pthread_mutex_unlock(&writer->outlet->hold);
	writer->holding = false;
}

/* Put one piece of the block at hand; the sink is held. */
static int put(struct outlet_writer *writer, const void *data, size_t len)
{
	struct outlet *outlet = writer->outlet;
	struct dump_sink *sink = outlet->config.sink;
	struct err err;
	int r = outlet_status(outlet, NULL);

	if (r < 0)
		return r;
	if (writer->length == 0)
		writer->offset = outlet->offset;
	r = sink->ops->write(sink, data, len, &err);
	if (r < 0)
		return outlet_fail(outlet, r, &err);
	writer->crc = digest_crc32c(writer->crc, data, len);
	writer->length += len;
	writer->plain += writer->text.len;
	outlet->offset += len;
	outlet->plain += writer->text.len;
	outlet->config.progress->bytes += writer->text.len;
	outlet->config.progress->bytes_out += len;
	return 0;
}

/* Compress (while others go on) and put what the text holds. */
static int put_text(struct outlet_writer *writer)
{
	struct err err = {.code = -ENOMEM, .text = "out of memory"};
	const void *data = writer->text.data;
	size_t len = writer->text.len;
	int r = str_status(&writer->text);

	if (r == 0 && writer->codec && len > 0) {
		r = pack(writer, &len);
		data = writer->packed;
	}
	if (r < 0)
		return outlet_fail(writer->outlet, r, &err);
	hold(writer);
	if (len > 0)
		r = put(writer, data, len);
	str_reset(&writer->text);
	return r;
}

int outlet_flush(struct outlet_writer *writer)
{
	int r = 0;

	if (writer->text.len > 0)
		r = put_text(writer);
	if (r == 0 && writer->length > 0) {
		writer->outlet->blocks++;
		index_block(writer);
	}
	let_go(writer);
	writer->length = writer->plain = writer->rows = 0;
	writer->crc = 0;
	str_reset(&writer->first_key);
	str_reset(&writer->last_key);
	return r < 0 ? r : outlet_status(writer->outlet, NULL);
}

int outlet_hold(struct outlet_writer *writer)
{
	if (writer->text.len > 0)
		return put_text(writer);
	hold(writer);
	return outlet_status(writer->outlet, NULL);
}

int outlet_label(struct outlet_writer *writer, const struct outlet_label *label)
{
	int r = outlet_flush(writer);

	writer->part = label->part;
	writer->kind = label->kind;
	str_reset(&writer->db);
	str_reset(&writer->table);
	str_add(&writer->db, label->db ? label->db : "");
	str_add(&writer->table, label->table ? label->table : "");
	return r;
}

/* ---- the end ---- */

int outlet_finish(struct outlet *outlet, bool *ret_indexed, struct err *reterr)
{
	struct dump_sink *sink = outlet->config.sink;
	struct dump_sink *index = outlet->config.index;
	struct err ignored;
	int r = outlet_status(outlet, reterr);

	if (r == 0)
		r = sink->ops->finish(sink, reterr);
	if (r < 0)
		return r;
	*ret_indexed = false;
	if (!index)
		return 0;
	if (!outlet->index_broken)
		index_end(outlet);
	if (!outlet->index_broken && index->ops->finish(index, &ignored) == 0)
		*ret_indexed = true;
	else
		index->ops->abort(index);
	return 0;
}
