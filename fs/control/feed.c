/* SPDX-License-Identifier: MIT */
/*
 * A feed is one text of which the front is cut off in whole lines when it gets
 * too long; base is the offset of its first byte.
 */
#include "feed.h"

#include "base/lock.h"
#include "base/str.h"

#include <stdatomic.h>
#include <string.h>

struct feed {
	atomic_uint refs;
	size_t keep;
	pthread_mutex_t lock;
	struct str text;   /* lock */
	uint64_t base;     /* lock: offset of text's first byte */
	bool closed;       /* lock */
	int status;        /* lock: of the closing */
	struct list waits; /* lock: struct feed_wait */
};

int feed_new(size_t keep, struct feed **ret)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return -ENOMEM;
	atomic_init(&feed->refs, 1);
	feed->keep = keep;
	(void)pthread_mutex_init(&feed->lock, NULL);
	list_init(&feed->waits);
	*ret = feed;
	return 0;
}

struct feed *feed_ref(struct feed *feed)
{
	atomic_fetch_add(&feed->refs, 1);
	return feed;
}

void feed_unref(struct feed *feed)
{
	if (!feed || atomic_fetch_sub(&feed->refs, 1) > 1)
		return;
	str_release(&feed->text);
	(void)pthread_mutex_destroy(&feed->lock);
	free(feed);
}

/* Cut off whole lines until the rest fits; the last line stays. */
static void trim_locked(struct feed *feed)
{
	size_t cut = 0;

	while (feed->text.len - cut > feed->keep) {
		const char *end = memchr(feed->text.data + cut, '\n',
		                         feed->text.len - cut);
		size_t next = end ? (size_t)(end - feed->text.data) + 1 : 0;

		if (!end || next == feed->text.len)
			break;
		cut = next;
	}
	if (cut == 0)
		return;
	memmove(feed->text.data, feed->text.data + cut, feed->text.len - cut);
	feed->text.len -= cut;
	feed->text.data[feed->text.len] = '\0';
	feed->base += cut;
}

/* Take everybody who waits out of the queue. */
static void wake_locked(struct feed *feed, struct list *ret)
{
	list_for_each(pos, &feed->waits)
		container_of(pos, struct feed_wait, link)->queued = false;
	list_splice(ret, &feed->waits);
}

/* Tell them, without the lock. */
static void wake(struct list *waits)
{
	while (!list_empty(waits)) {
		struct feed_wait *one =
			list_first(waits, struct feed_wait, link);

		list_remove(&one->link);
		one->ready(one);
	}
}

void feed_add(struct feed *feed, const char *line)
{
	size_t len = strlen(line);
	struct list waits;

	list_init(&waits);
	{
		WITH_LOCK(&feed->lock);

		if (str_reserve(&feed->text, len + 1) < 0) {
			feed->text.status = 0;
			return;
		}
		str_add_mem(&feed->text, line, len);
		str_add_char(&feed->text, '\n');
		trim_locked(feed);
		wake_locked(feed, &waits);
	}
	wake(&waits);
}

void feed_close(struct feed *feed, int status)
{
	struct list waits;

	list_init(&waits);
	{
		WITH_LOCK(&feed->lock);

		feed->closed = true;
		feed->status = status;
		wake_locked(feed, &waits);
	}
	wake(&waits);
}

void feed_reopen(struct feed *feed)
{
	WITH_LOCK(&feed->lock);

	feed->closed = false;
	feed->status = 0;
}

uint64_t feed_begin(struct feed *feed)
{
	WITH_LOCK(&feed->lock);

	return feed->base;
}

uint64_t feed_end(struct feed *feed)
{
	WITH_LOCK(&feed->lock);

	return feed->base + feed->text.len;
}

uint64_t feed_last(struct feed *feed)
{
	WITH_LOCK(&feed->lock);
	size_t at = feed->text.len > 0 ? feed->text.len - 1 : 0;

	while (at > 0 && feed->text.data[at - 1] != '\n')
		at--;
	return feed->base + at;
}

/* Whether a reader would be answered at once. */
static bool ready_locked(const struct feed *feed,
                         const struct feed_reader *reader)
{
	return reader->at < feed->base + feed->text.len || feed->closed;
}

ssize_t feed_read(struct feed *feed, struct feed_reader *reader, void *dst,
                  size_t size)
{
	WITH_LOCK(&feed->lock);
	uint64_t end = feed->base + feed->text.len;

	if (reader->at < feed->base)
		reader->at = feed->base;
	if (reader->at < end) {
		size_t n = (size_t)(end - reader->at);

		n = n < size ? n : size;
		memcpy(dst, feed->text.data + (reader->at - feed->base), n);
		reader->at += n;
		return (ssize_t)n;
	}
	if (!feed->closed)
		return -EAGAIN;
	if (feed->status < 0 && !reader->told) {
		reader->told = true;
		return feed->status;
	}
	return 0;
}

bool feed_ready(struct feed *feed, const struct feed_reader *reader)
{
	WITH_LOCK(&feed->lock);

	return ready_locked(feed, reader);
}

bool feed_wait(struct feed *feed, const struct feed_reader *reader,
               struct feed_wait *wait)
{
	WITH_LOCK(&feed->lock);

	if (ready_locked(feed, reader))
		return false;
	wait->queued = true;
	list_append(&feed->waits, &wait->link);
	return true;
}

bool feed_wait_cancel(struct feed *feed, struct feed_wait *wait)
{
	WITH_LOCK(&feed->lock);

	if (!wait->queued)
		return false;
	wait->queued = false;
	list_remove(&wait->link);
	return true;
}
