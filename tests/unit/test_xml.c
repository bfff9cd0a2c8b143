/* SPDX-License-Identifier: MIT */
#include "xml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* "depth parent/name=text" for every element that ends. */
static int note_end(void *data, const struct xml_element *element)
{
	assert_int_equal(strlen(element->text), element->len);
	str_addf(data, "%u %s/%s=%s\n", element->depth, element->parent,
	         element->name, element->text);
	return 0;
}

static const struct xml_events notes = {.end = note_end};

static void assert_reads(const char *text, const char *want)
{
	struct str out = {0};

	assert_int_equal(xml_parse(text, strlen(text), NULL, &notes, &out), 0);
	assert_string_equal(str_text(&out), want);
	str_release(&out);
}

static void assert_refused_n(const char *text, size_t len)
{
	struct str out = {0};

	assert_int_equal(xml_parse(text, len, NULL, &notes, &out), -EPROTO);
	str_release(&out);
}

static void assert_refused(const char *text)
{
	assert_refused_n(text, strlen(text));
}

static void elements_end_from_the_inside(void **state)
{
	(void)state;
	assert_reads("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	             "<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n"
	             "  <A><B>one</B>\n<C/></A>\n  <A>two</A>\n</R>\n",
	             "3 A/B=one\n3 A/C=\n2 R/A=\n2 R/A=two\n1 /R=\n\n");
}

static void blanks_before_the_document_are_skipped(void **state)
{
	(void)state;
	assert_reads(" \r\n\t  <?xml version=\"1.0\"?><R>x</R>", "1 /R=x\n");
}

static void blanks_after_the_declaration_are_skipped(void **state)
{
	(void)state;
	assert_reads("<?xml version=\"1.0\"?>\n\n\n     \n<R>x</R>  \n",
	             "1 /R=x\n");
}

static void namespaces_are_dropped(void **state)
{
	(void)state;
	assert_reads("<s3:R xmlns:s3=\"urn:x\"><s3:A>x</s3:A></s3:R>",
	             "2 R/A=x\n1 /R=\n");
	assert_reads("<R:>x</R:>", "1 /R:=x\n");
}

static void references_and_sections_are_resolved(void **state)
{
	(void)state;
	assert_reads(
		"<R>&quot;a&amp;b&lt;&#x41;&#13;\xc3\xa9<![CDATA[<&]]></R>",
		"1 /R=\"a&b<A\r\xc3\xa9<&\n");
}

static void a_document_that_was_cut_anywhere_is_refused(void **state)
{
	static const char text[] =
		"<?xml version=\"1.0\"?><R><A>x</A><B>y&amp;z</B></R>";

	(void)state;
	for (size_t len = 0; len < strlen(text); len++)
		assert_refused_n(text, len);
	assert_reads(text, "2 R/A=x\n2 R/B=y&z\n1 /R=\n");
}

static void junk_is_refused(void **state)
{
	(void)state;
	assert_refused("");
	assert_refused("   ");
	assert_refused("hello");
	assert_refused("<R></S>");
	assert_refused("<R>&nbsp;</R>");
	assert_refused("<R/><S/>");
	assert_refused("<R/>junk");
	assert_refused("<R>\xff</R>");
	assert_refused("<R>&#x01;</R>");
	assert_refused("<R>\x01</R>");
	assert_refused_n("<R/>\0", 5);
	assert_refused_n("\0<R/>", 5);
	assert_refused("<!DOCTYPE html><html></html>");
}

static void a_doctype_is_refused_before_it_can_do_harm(void **state)
{
	(void)state;
	assert_refused("<!DOCTYPE R><R/>");
	assert_refused("<!DOCTYPE R [<!ENTITY a \"b\">]><R>&a;</R>");
	assert_refused("<!DOCTYPE R [<!ENTITY a SYSTEM \"file:///etc/passwd\">"
	               "]><R>&a;</R>");
	assert_refused("<!DOCTYPE R [<!ENTITY a \"aaaaaaaaaa\">"
	               "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
	               "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;\">"
	               "]><R>&c;</R>");
	assert_refused("<!DOCTYPE R SYSTEM \"http://127.0.0.1:1/x.dtd\"><R/>");
}

/* depth elements, one in the other. */
static void nest(struct str *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		str_add(out, "<a>");
	for (unsigned i = 0; i < depth; i++)
		str_add(out, "</a>");
}

static void depth_is_capped(void **state)
{
	struct str text = {0};
	struct str out = {0};

	(void)state;
	nest(&text, XML_DEPTH_MAX);
	assert_int_equal(xml_parse(text.data, text.len, NULL, &notes, &out), 0);
	str_reset(&text);
	nest(&text, XML_DEPTH_MAX + 1);
	assert_refused(text.data);
	str_reset(&text);
	nest(&text, 100000);
	assert_refused(text.data);
	str_release(&text);
	str_release(&out);
}

static void one_text_is_capped(void **state)
{
	struct str text = {0};
	struct str out = {0};
	char *filler = calloc(1, XML_TEXT_MAX + 2);

	(void)state;
	assert_non_null(filler);
	memset(filler, 'x', XML_TEXT_MAX);
	str_addf(&text, "<R>%s</R>", filler);
	assert_int_equal(xml_parse(text.data, text.len, NULL, &notes, &out), 0);
	filler[XML_TEXT_MAX] = 'x';
	str_reset(&text);
	str_addf(&text, "<R>%s</R>", filler);
	assert_refused(text.data);
	free(filler);
	str_release(&text);
	str_release(&out);
}

static void another_root_is_refused_at_once(void **state)
{
	static const char text[] = "<html><body/></html>";
	struct str out = {0};

	(void)state;
	assert_int_equal(xml_parse(text, strlen(text), "Error", &notes, &out),
	                 -EPROTO);
	assert_int_equal(xml_parse(text, strlen(text), "html", &notes, &out),
	                 0);
	assert_string_equal(str_text(&out), "2 html/body=\n1 /html=\n");
	str_release(&out);
}

static void names_are_cut_not_overrun(void **state)
{
	char name[XML_NAME_MAX + 10];
	struct str text = {0};
	struct str want = {0};

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	str_addf(&text, "<%s/>", name);
	str_addf(&want, "1 /%.*s=\n", XML_NAME_MAX - 1, name);
	assert_reads(text.data, want.data);
	str_release(&text);
	str_release(&want);
}

/* What a forgiving reader makes of a text. */
static void assert_forgiven(const char *text, const char *want)
{
	const struct xml_events forgiving = {.end = note_end,
	                                     .forgiving = true};
	struct str out = {0};

	assert_int_equal(xml_parse(text, strlen(text), NULL, &forgiving, &out),
	                 want ? 0 : -EPROTO);
	if (want)
		assert_string_equal(str_text(&out), want);
	str_release(&out);
}

/* RGW and AWS repeat keys so where nobody reads them. */
static void references_to_nothing_can_be_forgiven(void **state)
{
	(void)state;
	assert_forgiven("<R>a&#x01;b&#1;c&#x1F;&#x00;&#0;d</R>",
	                "1 /R=a b c   d\n");
	assert_forgiven("<R>&#x41;&#65;&#x0A;&amp;&lt;</R>", "1 /R=AA\n&<\n");
	assert_forgiven("<R>&#x20;&#31;&#32;</R>", "1 /R=   \n");
	assert_forgiven("<R>&#x01</R>", NULL);
	assert_forgiven("<R>&#;</R>", NULL);
	assert_forgiven("<R>&#x;</R>", NULL);
	assert_forgiven("<R>&#1f;</R>", NULL);
	assert_forgiven("<R>&#xFFFF;</R>", NULL);
	assert_forgiven("<R>\x01</R>", NULL);
	assert_forgiven("&#1;<R/>", "1 /R=\n");
	assert_forgiven("<R/>&", NULL);
	assert_forgiven("&", NULL);
	assert_forgiven("&#x1", NULL);
}

/* An event that has seen enough. */
static int stop_at_a(void *data, const struct xml_element *element)
{
	str_add(data, element->name);
	return strcmp(element->name, "A") == 0 ? -ECANCELED : 0;
}

static void an_event_can_end_the_reading(void **state)
{
	static const char text[] = "<R><B/><A/><C/><D/></R>";
	const struct xml_events events = {.end = stop_at_a};
	struct str out = {0};

	(void)state;
	assert_int_equal(xml_parse(text, strlen(text), "R", &events, &out),
	                 -ECANCELED);
	assert_string_equal(str_text(&out), "BA");
	str_release(&out);
}

static void what_xml_can_hold_survives_it(void **state)
{
	static const char value[] =
		"a&b<c>\"d'e\tf\ng\rh\xc3\xa9\xf0\x9f\x98\x80";
	struct str text = {0};
	struct str want = {0};

	(void)state;
	assert_true(xml_can_hold(value, strlen(value)));
	xml_add_element(&text, "Key", value);
	str_addf(&want, "1 /Key=%s\n", value);
	assert_reads(text.data, want.data);
	str_release(&text);
	str_release(&want);
}

/* Every byte alone: the parser is the judge of xml_can_hold(). */
static void xml_can_hold_what_the_parser_takes(void **state)
{
	(void)state;
	for (unsigned byte = 1; byte < 256; byte++) {
		char value[2] = {(char)byte, '\0'};
		struct str text = {0};
		struct str out = {0};

		xml_add_element(&text, "Key", value);
		int r = xml_parse(text.data, text.len, NULL, &notes, &out);

		assert_int_equal(r == 0, xml_can_hold(value, 1));
		str_release(&text);
		str_release(&out);
	}
	assert_false(xml_can_hold("a\0b", 3));
	assert_false(xml_can_hold("\xc0\x80", 2));         /* overlong */
	assert_false(xml_can_hold("\xed\xa0\x80", 3));     /* surrogate */
	assert_false(xml_can_hold("\xef\xbf\xbe", 3));     /* U+FFFE */
	assert_false(xml_can_hold("\xf4\x90\x80\x80", 4)); /* too high */
	assert_false(xml_can_hold("\xe2\x82", 2));         /* cut */
	assert_true(xml_can_hold("\xef\xbf\xbd", 3));
	assert_true(xml_can_hold("\xf4\x8f\xbf\xbd", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_end_from_the_inside),
		cmocka_unit_test(blanks_before_the_document_are_skipped),
		cmocka_unit_test(blanks_after_the_declaration_are_skipped),
		cmocka_unit_test(namespaces_are_dropped),
		cmocka_unit_test(references_and_sections_are_resolved),
		cmocka_unit_test(a_document_that_was_cut_anywhere_is_refused),
		cmocka_unit_test(junk_is_refused),
		cmocka_unit_test(a_doctype_is_refused_before_it_can_do_harm),
		cmocka_unit_test(depth_is_capped),
		cmocka_unit_test(one_text_is_capped),
		cmocka_unit_test(another_root_is_refused_at_once),
		cmocka_unit_test(names_are_cut_not_overrun),
		cmocka_unit_test(references_to_nothing_can_be_forgiven),
		cmocka_unit_test(an_event_can_end_the_reading),
		cmocka_unit_test(what_xml_can_hold_survives_it),
		cmocka_unit_test(xml_can_hold_what_the_parser_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
