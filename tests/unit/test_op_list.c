/* SPDX-License-Identifier: MIT */
#include "op_fixture.h"

#include <errno.h>

#define NO_MORE "<IsTruncated>false</IsTruncated>"

/* One object of a listing. */
#define OBJECT(key, size)                                            \
	"<Contents><Key>" key "</Key>"                               \
	"<LastModified>2009-10-12T17:50:30.000Z</LastModified>"      \
	"<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag>"  \
	"<Size>" size "</Size><StorageClass>STANDARD</StorageClass>" \
	"<Owner><ID>x</ID><DisplayName>y</DisplayName></Owner></Contents>"
#define PREFIX(prefix) \
	"<CommonPrefixes><Prefix>" prefix "</Prefix></CommonPrefixes>"

static void begin_list(struct fixture *f, const char *prefix)
{
	fixture_init(f, "aws");
	f->context.prefix = prefix;
	f->req.verb = STORE_LIST;
}

/* A page with these elements. */
static void reply_page(struct fixture *f, const char *elements)
{
	char text[4096];
	int n = snprintf(
		text, sizeof(text),
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/"
		"2006-03-01/\"><Name>bucket</Name><Prefix></Prefix>%s"
		"</ListBucketResult>",
		elements);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	fixture_reply(f, 200, text);
}

/* The entries as text: "key size" and "prefix/" lines. */
static const char *entries(struct fixture *f)
{
	str_reset(&f->text);
	for (size_t i = 0; i < f->req.list.count; i++) {
		const struct store_entry *e = &f->req.list.entries[i];

		assert_int_equal(strlen(e->key), e->key_len);
		if (e->is_prefix)
			str_addf(&f->text, "%s\n", e->key);
		else
			str_addf(&f->text, "%s %ju\n", e->key,
			         (uintmax_t)e->size);
	}
	return str_text(&f->text);
}

static void a_list_asks_for_one_page_in_url_coding(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "");
	assert_string_equal(fixture_wire(&f),
	                    "GET /bucket?encoding-type=url&list-type=2"
	                    "&max-keys=1000&prefix=\n\n");
	assert_int_equal(f.request.text_max, HTTP_LIST_BYTES_MAX);

	f.req.list.prefix = "a b/";
	f.req.list.delimiter = "/";
	f.req.list.start_after = "a b/c&d";
	f.req.list.token = "1+/=";
	f.req.list.max_keys = 7;
	f.context.prefix = "mnt/";
	assert_string_equal(
		fixture_wire(&f),
		"GET /bucket?continuation-token=1%2B%2F%3D&delimiter=%2F"
		"&encoding-type=url&list-type=2&max-keys=7"
		"&prefix=mnt%2Fa%20b%2F&start-after=mnt%2Fa%20b%2Fc%26d\n\n");

	f.endpoint.path_style = false;
	f.req.list = (struct store_list){.max_keys = 1};
	assert_string_equal(fixture_wire(&f),
	                    "GET /?encoding-type=url&list-type=2&max-keys=1"
	                    "&prefix=mnt%2F\n\n");
	fixture_release(&f);
}

static void a_page_is_objects_and_prefixes_in_byte_order(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "");
	reply_page(&f,
	           NO_MORE OBJECT("a", "1") OBJECT("b/", "0")
	                   OBJECT("z", "5497558138880") OBJECT("\xc3\xa9", "3")
	                           PREFIX("a/") PREFIX("c/"));
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(entries(&f), "a 1\na/\nb/ 0\nc/\n"
	                                 "z 5497558138880\n\xc3\xa9 3\n");
	assert_null(f.req.list.next_token);

	const struct store_entry *first = &f.req.list.entries[0];

	assert_int_equal(first->mtime.tv_sec, 1255369830);
	assert_int_equal(first->mtime.tv_nsec, 0);
	assert_string_equal(first->etag,
	                    "\"fba9dede5f27731c9771645a39863328\"");
	assert_string_equal(first->storage_class, "STANDARD");
	fixture_release(&f);
}

static void an_empty_page_is_a_list_too(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "");
	reply_page(&f, NO_MORE);
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(f.req.list.count, 0);
	assert_null(f.req.list.next_token);
	fixture_release(&f);
}

static void keys_are_decoded_only_when_the_reply_says_so(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "");
	reply_page(&f, OBJECT("a+b%2Bc%01%FF", "1") PREFIX("%25/") NO_MORE
	           "<EncodingType>url</EncodingType>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(entries(&f), "%/\na b+c\x01\xff 1\n");

	reply_page(&f, OBJECT("a+b%2Bc%01", "1") PREFIX("%25/") NO_MORE);
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(entries(&f), "%25/\na+b%2Bc%01 1\n");
	fixture_release(&f);
}

static void the_buckets_prefix_is_cut_off_and_is_no_entry(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "mnt/a b/");
	reply_page(&f, NO_MORE
	           "<EncodingType>url</EncodingType>" OBJECT("mnt/a+b/", "0")
	                   OBJECT("mnt/a+b/x", "1") PREFIX("mnt%2Fa%20b%2Fd/"));
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(entries(&f), "d/\nx 1\n");
	fixture_release(&f);
}

static void a_truncated_page_says_how_to_go_on(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "");
	f.req.list.token = "old";
	reply_page(
		&f,
		OBJECT("a",
	               "1") "<IsTruncated>true</IsTruncated>"
			    "<NextContinuationToken>new+1</NextContinuationToken>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.list.next_token, "new+1");

	/* With a token, but complete. */
	reply_page(&f, OBJECT("a", "1") NO_MORE
	           "<NextContinuationToken>new</NextContinuationToken>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_null(f.req.list.next_token);
	fixture_release(&f);
}

static void what_is_no_whole_list_is_none_at_all(void **state)
{
	static const char *const wrong[] = {
		/* Complete or not? */
		OBJECT("a", "1"),
		"<IsTruncated>maybe</IsTruncated>",
		"<IsTruncated>true</IsTruncated>",
		"<IsTruncated>true</IsTruncated>"
		"<NextContinuationToken></NextContinuationToken>",
		"<IsTruncated>true</IsTruncated>"
		"<NextContinuationToken>same</NextContinuationToken>",
		/* Objects that lack something. */
		NO_MORE "<Contents><Size>1</Size><LastModified>"
			"2009-10-12T17:50:30.000Z</LastModified></Contents>",
		NO_MORE "<Contents><Key>a</Key><LastModified>"
			"2009-10-12T17:50:30.000Z</LastModified></Contents>",
		NO_MORE "<Contents><Key>a</Key><Size>1</Size></Contents>",
		/* Values that are none. */
		NO_MORE OBJECT("a", "-1"),
		NO_MORE OBJECT("a", ""),
		NO_MORE OBJECT("a", "99999999999999999999"),
		NO_MORE "<Contents><Key>a</Key><Size>1</Size><LastModified>"
			"yesterday</LastModified></Contents>",
		/* Codings that are none, and a NUL. */
		NO_MORE "<EncodingType>url</EncodingType>" OBJECT("%zz", "1"),
		NO_MORE "<EncodingType>url</EncodingType>" OBJECT("a%0", "1"),
		NO_MORE "<EncodingType>url</EncodingType>" OBJECT("a%00b", "1"),
		/* Not what was asked for. */
		NO_MORE OBJECT("other", "1"),
		NO_MORE PREFIX("other/"),
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin_list(&f, "");
		f.req.list.token = "same";
		f.req.list.prefix = strstr(wrong[i], "other") ? "a" : "";
		reply_page(&f, wrong[i]);
		if (fixture_decode(&f) != -EPROTO)
			fail_msg("believed: %s", wrong[i]);
		assert_true(f.req.err.text[0] != '\0');
		assert_null(f.req.list.entries);
		assert_int_equal(f.req.list.count, 0);
		fixture_release(&f);
	}
}

static void a_list_of_another_bucket_part_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "mnt/");
	reply_page(&f, NO_MORE OBJECT("mnt/a", "1") OBJECT("other/b", "1"));
	assert_int_equal(fixture_decode(&f), -EPROTO);
	fixture_release(&f);
}

static void a_page_that_was_cut_anywhere_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "");
	reply_page(&f, OBJECT("a", "1") PREFIX("b/") NO_MORE);

	char *whole = strdup(f.reply.text.data);

	for (size_t len = 0; len < strlen(whole); len++) {
		fixture_reply(&f, 200, "");
		str_add_mem(&f.reply.text, whole, len);
		assert_int_equal(fixture_decode(&f), -EPROTO);
		assert_null(f.req.list.entries);
	}
	fixture_reply(&f, 200, whole);
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(f.req.list.count, 2);
	free(whole);
	fixture_release(&f);
}

static void a_page_of_something_else_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"<html><body>Sign in to the hotel's network</body></html>",
		"<ListAllMyBucketsResult>" NO_MORE "</ListAllMyBucketsResult>",
		"{\"IsTruncated\": false}",
	};
	struct fixture f;

	(void)state;
	begin_list(&f, "");
	for (size_t i = 0; i < 4; i++) {
		fixture_reply(&f, 200, wrong[i]);
		assert_int_equal(fixture_decode(&f), -EPROTO);
	}
	fixture_release(&f);
}

static void etags_without_quotes_get_them(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "");
	reply_page(&f, NO_MORE
	           "<Contents><Key>a</Key><Size>1</Size><LastModified>"
	           "2009-10-12T17:50:30.000Z</LastModified><ETag>abc-2"
	           "</ETag></Contents>"
	           "<Contents><Key>b</Key><Size>1</Size><LastModified>"
	           "2009-10-12T17:50:30.000Z</LastModified></Contents>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(f.req.list.entries[0].etag, "\"abc-2\"");
	assert_string_equal(f.req.list.entries[1].etag, "");
	assert_string_equal(f.req.list.entries[1].storage_class, "");
	fixture_release(&f);
}

/* Many entries: arenas and arrays grow, the order is one. */
static void a_full_page_is_sorted(void **state)
{
	struct fixture f;

	(void)state;
	begin_list(&f, "");
	fixture_reply(&f, 200, "<ListBucketResult>" NO_MORE);
	for (unsigned i = 0; i < 1000; i++)
		str_addf(&f.reply.text,
		         i % 3 ? OBJECT("%03u", "1") : PREFIX("%03u/"),
		         i * 7 % 1000);
	str_add(&f.reply.text, "</ListBucketResult>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(f.req.list.count, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		const struct store_entry *e = &f.req.list.entries[i];
		char want[8];

		(void)snprintf(want, sizeof(want), "%03u%s", i,
		               e->is_prefix ? "/" : "");
		assert_string_equal(e->key, want);
	}
	fixture_release(&f);
}

/* ---- uploads ---- */

#define UPLOAD(key, id)                                         \
	"<Upload><Key>" key "</Key><UploadId>" id "</UploadId>" \
	"<Initiated>2009-10-12T17:50:30.000Z</Initiated></Upload>"

static void begin_uploads(struct fixture *f, const char *elements)
{
	char text[2048];

	fixture_init(f, "aws");
	f->context.prefix = "mnt/";
	f->req.verb = STORE_MPU_LIST;
	(void)snprintf(text, sizeof(text),
	               "<ListMultipartUploadsResult>%s"
	               "</ListMultipartUploadsResult>",
	               elements);
	fixture_reply(f, 200, text);
}

static void uploads_are_listed_below_the_prefix(void **state)
{
	struct fixture f;

	(void)state;
	begin_uploads(&f, NO_MORE);
	f.req.list_uploads.prefix = "a";
	assert_string_equal(fixture_wire(&f),
	                    "GET /bucket?encoding-type=url&max-uploads=1000"
	                    "&prefix=mnt%2Fa&uploads=\n\n");
	f.req.list_uploads.key_marker = "k";
	f.req.list_uploads.id_marker = "i+";
	assert_string_equal(fixture_wire(&f),
	                    "GET /bucket?encoding-type=url"
	                    "&key-marker=mnt%2Fk&max-uploads=1000"
	                    "&prefix=mnt%2Fa&upload-id-marker=i%2B"
	                    "&uploads=\n\n");
	fixture_release(&f);
}

static void uploads_are_keys_ids_and_dates(void **state)
{
	struct fixture f;
	const struct store_list_uploads *list = &f.req.list_uploads;

	(void)state;
	begin_uploads(
		&f, UPLOAD("mnt/a%20b", "1") UPLOAD(
			    "mnt/c",
			    "2") "<EncodingType>url</EncodingType>"
				 "<IsTruncated>true</IsTruncated>"
				 "<NextKeyMarker>mnt/c%2B</NextKeyMarker>"
				 "<NextUploadIdMarker>2</NextUploadIdMarker>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(list->count, 2);
	assert_string_equal(list->uploads[0].key, "a b");
	assert_string_equal(list->uploads[0].upload_id, "1");
	assert_int_equal(list->uploads[0].initiated.tv_sec, 1255369830);
	assert_string_equal(list->uploads[1].key, "c");
	assert_string_equal(list->next_key, "c+");
	assert_string_equal(list->next_id, "2");
	fixture_release(&f);

	begin_uploads(&f, NO_MORE);
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(list->count, 0);
	assert_null(list->next_key);
	fixture_release(&f);
}

/* RGW 16: keys are coded, markers are not, and nothing tells. */
static void rgw_codes_upload_keys_without_a_word(void **state)
{
	struct fixture f;
	const struct store_list_uploads *list = &f.req.list_uploads;

	(void)state;
	begin_uploads(&f,
	              UPLOAD("mnt/m%20x%2B",
	                     "1") "<IsTruncated>true</IsTruncated>"
	                          "<NextKeyMarker>mnt/m x+</NextKeyMarker>"
	                          "<NextUploadIdMarker>1</NextUploadIdMarker>");
	f.context.profile = profile_find("rgw");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(list->uploads[0].key, "m x+");
	assert_string_equal(list->next_key, "m x+");
	fixture_release(&f);

	/* A marker that is no XML matters only when it is needed. */
	begin_uploads(&f, UPLOAD("mnt/%01", "1") NO_MORE
	              "<NextKeyMarker>mnt/&#x01;</NextKeyMarker>");
	assert_int_equal(fixture_decode(&f), -EPROTO);
	f.context.profile = profile_find("rgw");
	assert_int_equal(fixture_decode(&f), 0);
	assert_string_equal(list->uploads[0].key, "\x01");
	fixture_release(&f);

	begin_uploads(&f,
	              UPLOAD("mnt/%01",
	                     "1") "<IsTruncated>true</IsTruncated>"
	                          "<NextKeyMarker>mnt/&#x01;</NextKeyMarker>"
	                          "<NextUploadIdMarker>1</NextUploadIdMarker>");
	f.context.profile = profile_find("rgw");
	assert_int_equal(fixture_decode(&f), -EPROTO);
	fixture_release(&f);
}

static void what_is_no_whole_list_of_uploads_is_refused(void **state)
{
	static const char *const wrong[] = {
		UPLOAD("mnt/a", "1"),
		NO_MORE UPLOAD("other", "1"),
		NO_MORE "<Upload><Key>mnt/a</Key></Upload>",
		"<IsTruncated>true</IsTruncated>",
		"<IsTruncated>true</IsTruncated>"
		"<NextKeyMarker>mnt/k</NextKeyMarker>",
		"<IsTruncated>true</IsTruncated>"
		"<NextKeyMarker>mnt/k</NextKeyMarker>"
		"<NextUploadIdMarker>i</NextUploadIdMarker>",
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin_uploads(&f, wrong[i]);
		f.req.list_uploads.key_marker = "k";
		f.req.list_uploads.id_marker = "i";
		assert_int_equal(fixture_decode(&f), -EPROTO);
		assert_null(f.req.list_uploads.uploads);
		fixture_release(&f);
	}
}

/* ---- parts ---- */

#define PART(number, size)                                        \
	"<Part><PartNumber>" number "</PartNumber><LastModified>" \
	"2009-10-12T17:50:30.000Z</LastModified>"                 \
	"<ETag>&quot;e" number "&quot;</ETag>"                    \
	"<ChecksumCRC32C>c" number "</ChecksumCRC32C>"            \
	"<Size>" size "</Size></Part>"

#define MORE_AFTER_5                      \
	"<IsTruncated>true</IsTruncated>" \
	"<NextPartNumberMarker>5</NextPartNumberMarker>"

static void begin_parts(struct fixture *f, const char *elements)
{
	char text[4096];

	fixture_init(f, "aws");
	f->req.verb = STORE_MPU_LIST_PARTS;
	f->req.key = "a";
	f->req.list_parts.upload_id = "id+";
	(void)snprintf(text, sizeof(text),
	               "<ListPartsResult><ChecksumType>COMPOSITE</ChecksumType>"
	               "%s</ListPartsResult>",
	               elements);
	fixture_reply(f, 200, text);
}

static void parts_are_asked_for_behind_a_number(void **state)
{
	struct fixture f;

	(void)state;
	begin_parts(&f, NO_MORE);
	assert_string_equal(fixture_wire(&f), "GET /bucket/a?max-parts=1000"
	                                      "&uploadId=id%2B\n\n");
	f.req.list_parts.after = 1000;
	assert_string_equal(fixture_wire(&f),
	                    "GET /bucket/a?max-parts=1000"
	                    "&part-number-marker=1000&uploadId=id%2B\n\n");
	fixture_release(&f);
}

static void parts_have_numbers_sizes_etags_and_checksums(void **state)
{
	struct fixture f;
	const struct store_list_parts *list = &f.req.list_parts;

	(void)state;
	begin_parts(
		&f,
		PART("1", "5242880") PART(
			"3",
			"7") "<NextPartNumberMarker>3</NextPartNumberMarker>"
			     "<IsTruncated>true</IsTruncated>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(list->count, 2);
	assert_int_equal(list->parts[0].number, 1);
	assert_int_equal(list->parts[0].size, 5242880);
	assert_string_equal(list->parts[0].etag, "\"e1\"");
	assert_string_equal(list->parts[0].checksum, "c1");
	assert_int_equal(list->parts[1].number, 3);
	assert_int_equal(list->next, 3);
	fixture_release(&f);

	begin_parts(&f,
	            NO_MORE "<NextPartNumberMarker>0</NextPartNumberMarker>");
	assert_int_equal(fixture_decode(&f), 0);
	assert_int_equal(list->count, 0);
	assert_int_equal(list->next, 0);
	fixture_release(&f);
}

static void what_is_no_whole_list_of_parts_is_refused(void **state)
{
	static const char *const wrong[] = {
		PART("1", "1"),
		NO_MORE PART("0", "1"),
		NO_MORE PART("2", "1") PART("1", "1"),
		NO_MORE PART("1", "1") PART("1", "1"),
		NO_MORE PART("x", "1"),
		NO_MORE PART("4294967296", "1"),
		NO_MORE PART("1", "x"),
		NO_MORE "<Part><PartNumber>1</PartNumber></Part>",
		"<IsTruncated>true</IsTruncated>" PART("1", "1"),
		MORE_AFTER_5,
		"<IsTruncated>perhaps</IsTruncated>",
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin_parts(&f, wrong[i]);
		f.req.list_parts.after = 5;
		if (fixture_decode(&f) != -EPROTO)
			fail_msg("believed: %s", wrong[i]);
		assert_null(f.req.list_parts.parts);
		fixture_release(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_asks_for_one_page_in_url_coding),
		cmocka_unit_test(a_page_is_objects_and_prefixes_in_byte_order),
		cmocka_unit_test(an_empty_page_is_a_list_too),
		cmocka_unit_test(keys_are_decoded_only_when_the_reply_says_so),
		cmocka_unit_test(the_buckets_prefix_is_cut_off_and_is_no_entry),
		cmocka_unit_test(a_truncated_page_says_how_to_go_on),
		cmocka_unit_test(what_is_no_whole_list_is_none_at_all),
		cmocka_unit_test(a_list_of_another_bucket_part_is_refused),
		cmocka_unit_test(a_page_that_was_cut_anywhere_is_refused),
		cmocka_unit_test(a_page_of_something_else_is_refused),
		cmocka_unit_test(etags_without_quotes_get_them),
		cmocka_unit_test(a_full_page_is_sorted),
		cmocka_unit_test(uploads_are_listed_below_the_prefix),
		cmocka_unit_test(uploads_are_keys_ids_and_dates),
		cmocka_unit_test(rgw_codes_upload_keys_without_a_word),
		cmocka_unit_test(what_is_no_whole_list_of_uploads_is_refused),
		cmocka_unit_test(parts_are_asked_for_behind_a_number),
		cmocka_unit_test(parts_have_numbers_sizes_etags_and_checksums),
		cmocka_unit_test(what_is_no_whole_list_of_parts_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
