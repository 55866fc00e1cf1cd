/*
 * What the trace reader says of input that is no trace: one sentence with line and column, and never a crash.
 *
 * State: one file, in a fresh folder, written anew for each case. Random damage prints its seed; QUIPU_TEST_SEED
 * replays.
 */
#include "traces/compare.h"
#include "traces/reader.h"
#include "traces/recorder.h"
#include "traces/text.h"
#include "traces/writer.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 256 };

struct place {
    char folder[PATH_SIZE];
    char path[PATH_SIZE + 16];
};

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    struct place *place = test_malloc(sizeof *place);
    snprintf(place->folder, sizeof place->folder, "%s/quipu-trace-XXXXXX", base && strlen(base) < 128 ? base : "/tmp");
    if (!mkdtemp(place->folder))
        return -1;
    snprintf(place->path, sizeof place->path, "%s/trace.jsonl", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    remove(place->path);
    int left = rmdir(place->folder);
    test_free(place);
    return left;
}

static void put(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* Where the JSON is wrong, cJSON says; its versions differ by a byte in that. */
#define SYNTAX ": expected JSON, or memory to read it"

static void assert_refused_syntax(const struct place *place, const char *bytes, size_t length)
{
    char error[1024] = "", start[512];
    struct qp_trace trace;
    put(place->path, bytes, length);
    assert_false(qp_trace_load(&trace, place->path, error, sizeof error));
    snprintf(start, sizeof start, "%s:2:", place->path);
    assert_memory_equal(error, start, strlen(start));
    assert_string_equal(error + strlen(start) + strspn(error + strlen(start), "0123456789"), SYNTAX);
}

/* Loads bytes that are no trace, in both ways; the sentence is the path and then `sentence`. */
static void assert_refused_bytes(const struct place *place, const char *bytes, size_t length, const char *sentence)
{
    char error[1024] = "", expected[1024];
    struct qp_trace trace = {.count = 77};
    struct qp_trace_handler handler = {0};
    if (strcmp(sentence, SYNTAX) == 0) {
        assert_refused_syntax(place, bytes, length);
        return;
    }
    put(place->path, bytes, length);
    assert_false(qp_trace_load(&trace, place->path, error, sizeof error));
    snprintf(expected, sizeof expected, "%s%s", place->path, sentence);
    assert_string_equal(error, expected);
    assert_int_equal(trace.count, 77);
    assert_false(qp_trace_read(place->path, &handler, NULL, 0));
}

static void assert_refused(const struct place *place, const char *text, const char *sentence)
{
    assert_refused_bytes(place, text, strlen(text), sentence);
}

/* ---- headers ---- */

#define HEADER_START "{\"quipu\":\"trace\",\"version\":1,\"library\":\"0.1.0\",\"scenario\":\"s\",\"seed\":\"1\","
#define HEADER HEADER_START "\"strategy\":\"random\",\"params\":{},\"choices\":[]}\n"

static void wrong_headers(void **state)
{
    static const char *const cases[][2] = {
        {"", ":1:1: expected a header, found an empty file"},
        {"\n", ":1:1: expected a header, found an empty line"},
        {"{}\n", ":1:1: expected a header, {\"quipu\":\"trace\",...}"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\"}\n", ":1:1: expected a header, {\"quipu\":\"trace\",...}"},
        {"[1]\n", ":1:1: expected an object"},
        {"\"quipu\"\n", ":1:1: expected an object"},
        {"{\"quipu\":\"trace\"}\n", ":1:1: expected \"version\" in the header"},
        {"{\"quipu\":\"trace\",\"version\":2}\n", ":1:28: expected version 1 of the trace format, found 2"},
        {"{\"quipu\":\"trace\",\"version\":\"x\"}\n",
         ":1:28: expected \"version\" to be an integer from 0 to 18446744073709551615, found \"x\""},
        {"{\"quipu\":\"tract\",\"version\":1}\n", ":1:10: expected \"quipu\" to be \"trace\", found \"tract\""},
        {"{\"quipu\":true,\"version\":1}\n", ":1:10: expected \"quipu\" to be \"trace\", found true"},
        {"{\"quipu\":\"trace\",\"version\":1,\"library\":\"0\"}\n", ":1:1: expected \"scenario\" in the header"},
        {"{\"quipu\":\"trace\",\"version\":1,\"other\":1}\n", ":1:38: expected no \"other\" in the header"},
        {"{\"quipu\":\"trace\",\"version\":1,\"version\":1}\n", ":1:40: expected \"version\" only once in the header"},
        {"{\"quipu\":\"trace\",\"version\":1,\"library\":null}\n",
         ":1:40: expected \"library\" to be a string, found null"},
        {"{\"quipu\":\"trace\",\"version\":1,\"seed\":1}\n",
         ":1:37: expected \"seed\" to be a string of digits, found 1"},
        {"{\"quipu\":\"trace\",\"version\":1,\"seed\":\"18446744073709551616\"}\n",
         ":1:37: expected \"seed\" to be an integer from 0 to 18446744073709551615, found \"18446744073709551616\""},
        {"{\"quipu\":\"trace\",\"version\":1,\"seed\":\"01\"}\n",
         ":1:37: expected \"seed\" to be an integer from 0 to 18446744073709551615, found \"01\""},
        {"{\"quipu\":\"trace\",\"version\":1,\"params\":[]}\n",
         ":1:39: expected \"params\" to be an object, found an array"},
        {"{\"quipu\":\"trace\",\"version\":1,\"params\":{\"a\":1,\"a\":1}}\n",
         ":1:50: expected \"a\" only once in \"params\""},
        {"{\"quipu\":\"trace\",\"version\":1,\"params\":{\"a\":1,\"b\":{}}}\n",
         ":1:50: expected \"b\" to be an integer from -9223372036854775808 to 9223372036854775807, found an object"},
        {"{\"quipu\":\"trace\",\"version\":1,\"choices\":{}}\n",
         ":1:40: expected \"choices\" to be an array, found an object"},
        {"{\"quipu\":\"trace\",\"version\":1,\"choices\":[1, 4294967296]}\n",
         ":1:44: expected an element of \"choices\" to be an integer from 0 to 4294967295, found 4294967296"},
        {"{\"quipu\":\"trace\",\"version\":1,\"choices\":[-1]}\n",
         ":1:41: expected an element of \"choices\" to be an integer from 0 to 4294967295, found -1"},
        {"{\"quipu\":\"trace\",\"version\":1,\"choices\":[[]]}\n",
         ":1:41: expected an element of \"choices\" to be an integer from 0 to 4294967295, found an array"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(*state, cases[i][0], cases[i][1]);
}

static void too_many_parameters(void **state)
{
    char text[4096] = "{\"quipu\":\"trace\",\"version\":1,\"params\":{\"p0\":0";
    for (int i = 1; i <= QP_TRACE_PARAMS_MOST; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",\"p%d\":%d", i, i);
    strcat(text, "}}\n");
    assert_refused(*state, text, ":1:39: expected at most 64 parameters, found 65");
}

/* ---- bytes and JSON ---- */

#define EVENT "{\"seq\":1,\"t\":0,\"event\":\"message\"}\n"

static void wrong_bytes(void **state)
{
    static const struct {
        const char *line;
        size_t length;
        const char *sentence;
    } cases[] = {
#define LINE(text) text "\n", sizeof text
        {LINE("{\"seq\":\0001}"), ":2:8: expected no NUL byte"},
        {LINE("{\"seq\":1,\"t\":0,\"event\":\"mes\0sage\"}"), ":2:28: expected no control character in a string"},
        {LINE("{\"seq\":1,\"t\":0,\"event\":\"a\tb\"}"), ":2:26: expected no control character in a string"},
        {LINE("{\"seq\":1,\"t\":0,\"event\":\"message\",\"text\":\"a\\u0000b\"}"),
         ":2:43: expected no NUL character in a string"},
        {LINE("{\"seq\":1,\"t\":0,\"event\":\"\xff\"}"), ":2:25: expected UTF-8"},
        {LINE("{\"seq\":1,\"t\":0,\"event\":\"\xed\xa0\x80\"}"), ":2:25: expected UTF-8"},
        {LINE("{\"seq\":1,\"t\":0,\"event\":\"\xc3"), ":2:25: expected UTF-8"},
        {LINE("\xef\xbb\xbf{}"), ":2:1: expected JSON"},
        {LINE("{\"seq\":1.0}"), ":2:8: expected an integer without a fraction or an exponent"},
        {LINE("{\"seq\":1e3}"), ":2:8: expected an integer without a fraction or an exponent"},
        {LINE("{\"seq\":01}"), ":2:8: expected a number without leading zeros"},
        {LINE("{\"seq\":-}"), ":2:8: expected a digit"},
        {LINE("{\"seq\":+1}"), ":2:8: expected JSON"},
        {LINE("{\"seq\":12345678901234567}"),
         ":2:8: expected an integer of at most 16 digits, or a larger one as a string"},
        {LINE("{\"seq\":[[[[[[[[1]]]]]]]]}"), ":2:15: expected no deeper nesting"},
        {LINE("{\"seq\":1,\"t\":0,\"event\":\"mess"),
         ":2:29: expected the end of the string, found the end of the line"},
        {LINE("{\"seq\":1,\"t\":0,\"event\":\"mess\\"),
         ":2:30: expected the end of the string, found the end of the line"},
        {LINE("{'seq':1}"), ":2:2: expected JSON"},
        {LINE("{\"seq\" 1}"), SYNTAX},
        {LINE("{\"seq\":1,}"), SYNTAX},
        {LINE("{\"seq\":1"), SYNTAX},
        {LINE("{\"seq\":nul}"), SYNTAX},
        {LINE("{\"seq\":1}}"), SYNTAX},
        {LINE("{\"seq\":1} {}"), SYNTAX},
        {LINE("{\"seq\":\"\\q\"}"), SYNTAX},
        {LINE("{\"seq\":\"\\ud800\"}"), SYNTAX},
        {LINE("   "), SYNTAX},
        {LINE(""), ":2:1: expected an event or the summary, found an empty line"},
        {LINE("\r"), SYNTAX},
        {LINE("null"), ":2:1: expected an object"},
        {LINE("[]"), ":2:1: expected an object"},
#undef LINE
    };
    char text[1024];
    memcpy(text, HEADER, sizeof HEADER);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(text + sizeof HEADER - 1, cases[i].line, cases[i].length);
        assert_refused_bytes(*state, text, sizeof HEADER - 1 + cases[i].length, cases[i].sentence);
    }
}

/* A line of `length` bytes after `start`, all of them the same. */
static void assert_refused_long(const struct place *place, const char *start, char byte, size_t length,
                                const char *sentence)
{
    size_t before = strlen(start);
    char *text = malloc(before + length);
    assert_non_null(text);
    memcpy(text, start, before);
    memset(text + before, byte, length);
    assert_refused_bytes(place, text, before + length, sentence);
    free(text);
}

static void lines_of_absurd_length(void **state)
{
    assert_refused_long(*state, "", ' ', QP_TRACE_HEADER_MOST + 1,
                        ":1:16777217: expected a line of at most 16777216 bytes");
    assert_refused_long(*state, HEADER, ' ', QP_TRACE_LINE_MOST + 1,
                        ":2:1048577: expected a line of at most 1048576 bytes");
    assert_refused_long(*state, HEADER, ' ', QP_TRACE_LINE_MOST, SYNTAX);
    assert_refused_long(*state, HEADER, '[', QP_TRACE_LINE_MOST, ":2:9: expected no deeper nesting");
    assert_refused_long(*state, HEADER, '{', 100, ":2:9: expected no deeper nesting");
    assert_refused_long(*state, HEADER, '\0', 100, ":2:1: expected no NUL byte");
}

static void long_texts(void **state)
{
    char *text = malloc(200000);
    assert_non_null(text);
    int start = sprintf(text, "%s{\"seq\":1,\"t\":0,\"event\":\"message\",\"text\":\"", HEADER);
    memset(text + start, 'x', QP_TEXT_MOST + 1);
    strcpy(text + start + QP_TEXT_MOST + 1, "\"}\n");
    assert_refused(*state, text, ":2:41: expected \"text\" to have at most 65536 bytes, found 65537");
    start = sprintf(text, "%s{\"seq\":1,\"t\":0,\"event\":\"message\",\"op\":\"", HEADER);
    memset(text + start, 'x', QP_NAME_MOST + 1);
    strcpy(text + start + QP_NAME_MOST + 1, "\"}\n");
    assert_refused(*state, text, ":2:39: expected \"op\" to have at most 4096 bytes, found 4097");
    start = sprintf(text, "%s{\"seq\":1,\"t\":0,\"event\":\"", HEADER);
    memset(text + start, '"', 1000);
    for (int i = 0; i < 1000; i += 2)
        text[start + i] = '\\';
    strcpy(text + start + 1000, "\"}\n");
    char sentence[400] = ":2:24: expected \"event\" to be the name of an event, found \"";
    for (int i = 0; i < 48; i++)
        strcat(sentence, "\\\"");
    strcat(sentence, "\"...");
    assert_refused(*state, text, sentence);
    free(text);
}

/* ---- events ---- */

static void wrong_events(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "1: expected an event or the summary"},
        {"{\"seq\":1,\"t\":0}", "1: expected an event or the summary"},
        {HEADER_START "\"strategy\":\"random\",\"params\":{},\"choices\":[]}",
         "1: expected an event or the summary, found another header"},
        {"{\"seq\":1,\"t\":0,\"event\":\"task.sleeps\"}",
         "24: expected \"event\" to be the name of an event, found \"task.sleeps\""},
        {"{\"seq\":1,\"t\":0,\"event\":\"\"}", "24: expected \"event\" to be the name of an event, found \"\""},
        {"{\"seq\":1,\"t\":0,\"event\":7}", "24: expected \"event\" to be the name of an event, found 7"},
        {"{\"seq\":1,\"t\":0,\"event\":\"Message\"}",
         "24: expected \"event\" to be the name of an event, found \"Message\""},
        {"{\"seq\":1,\"t\":0,\"event\":\"future.ready\"}", "1: expected \"status\" in future.ready"},
        {"{\"t\":0,\"event\":\"message\"}", "1: expected \"seq\" in message"},
        {"{\"seq\":1,\"event\":\"message\"}", "1: expected \"t\" in message"},
        {"{\"seq\":2,\"t\":0,\"event\":\"message\"}", "8: expected \"seq\" to be 1, found 2"},
        {"{\"seq\":0,\"t\":0,\"event\":\"message\"}", "8: expected \"seq\" to be 1, found 0"},
        {"{\"seq\":true,\"t\":0,\"event\":\"message\"}",
         "8: expected \"seq\" to be an integer from 0 to 18446744073709551615, found true"},
        {"{\"seq\":1,\"t\":\"now\",\"event\":\"message\"}",
         "14: expected \"t\" to be an integer from -9223372036854775808 to 9223372036854775807, found \"now\""},
        {"{\"seq\":1,\"t\":9007199254740992,\"event\":\"message\"}",
         "14: expected \"t\" to be an integer from -9223372036854775808 to 9223372036854775807, found "
         "9007199254740992"},
        {"{\"seq\":1,\"t\":\"9223372036854775808\",\"event\":\"message\"}",
         "14: expected \"t\" to be an integer from -9223372036854775808 to 9223372036854775807, found "
         "\"9223372036854775808\""},
        {"{\"seq\":1,\"t\":\"-9223372036854775809\",\"event\":\"message\"}",
         "14: expected \"t\" to be an integer from -9223372036854775808 to 9223372036854775807, found "
         "\"-9223372036854775809\""},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"task\":-1}",
         "41: expected \"task\" to be an integer from 0 to 18446744073709551615, found -1"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"task\":\"\"}",
         "41: expected \"task\" to be an integer from 0 to 18446744073709551615, found \"\""},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"task\":\"-\"}",
         "41: expected \"task\" to be an integer from 0 to 18446744073709551615, found \"-\""},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"task\":\"1 \"}",
         "41: expected \"task\" to be an integer from 0 to 18446744073709551615, found \"1 \""},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"object\":null}",
         "43: expected \"object\" to be an integer from 0 to 18446744073709551615, found null"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"future\":[1]}",
         "43: expected \"future\" to be an integer from 0 to 18446744073709551615, found an array"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"op\":1}", "39: expected \"op\" to be a string, found 1"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"text\":false}",
         "41: expected \"text\" to be a string, found false"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"status\":1}", "43: expected no \"status\" in message"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"\":1}", "37: expected no \"\" in message"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"event\":\"message\"}",
         "42: expected \"event\" only once in message"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"a\\\"\\n\":1}", "42: expected no \"a\\\"\\n\" in message"},
        {"{\"seq\":1,\"t\":0,\"event\":\"future.ready\",\"status\":\"OK\"}",
         "48: expected \"status\" to be an integer from 0 to 18446744073709551615, found \"OK\""},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"at\":\"x.c:4\"}",
         "39: expected \"at\" to be an object, found \"x.c:4\""},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"at\":{\"file\":\"x.c\",\"line\":4}}",
         "39: expected \"expr\" in \"at\""},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"at\":{\"file\":\"x.c\",\"line\":2147483648,\"expr\":\"\"}}",
         "60: expected \"line\" to be an integer from -2147483648 to 2147483647, found 2147483648"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\", \"at\": {\"file\" : 1 ,\"line\":2,\"expr\":\"\"}}",
         "51: expected \"file\" to be a string, found 1"},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"at\":{\"file\":\"\",\"file\":\"\"}}",
         "57: expected \"file\" only once in \"at\""},
        {"{\"seq\":1,\"t\":0,\"event\":\"message\",\"at\":{\"column\":1}}", "49: expected no \"column\" in \"at\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[2048], sentence[512];
        snprintf(text, sizeof text, "%s%s\n", HEADER, cases[i][0]);
        snprintf(sentence, sizeof sentence, ":2:%s", cases[i][1]);
        assert_refused(*state, text, sentence);
    }
    assert_refused(*state, HEADER EVENT "{\"seq\":3,\"t\":0,\"event\":\"message\"}\n",
                   ":3:8: expected \"seq\" to be 2, found 3");
    assert_refused(*state, HEADER EVENT EVENT, ":3:8: expected \"seq\" to be 2, found 1");
}

/* ---- ends ---- */

#define SUMMARY(events, digest, rest) "{\"summary\":{\"events\":" events ",\"digest\":\"" digest "\"" rest "}}\n"
#define NO_EVENTS "0000000000000000"
#define REST ",\"outcome\":\"ok\",\"report\":\"\",\"time\":0,\"steps\":0"

static void wrong_ends(void **state)
{
    static const char *const cases[][2] = {
        {HEADER, ":2:1: expected an event or the summary, found the end of the file: it was cut off"},
        {HEADER EVENT, ":3:1: expected an event or the summary, found the end of the file: it was cut off"},
        {HEADER "{\"summary\":1}\n", ":2:12: expected \"summary\" to be an object, found 1"},
        {HEADER "{\"summary\":{}}\n", ":2:12: expected \"events\" in \"summary\""},
        {HEADER "{\"summary\":{\"events\":1}}\n", ":2:22: expected \"events\" to be 0, which were read, found 1"},
        {HEADER "{\"summary\":{\"digest\":0}}\n",
         ":2:22: expected \"digest\" to be a string of 16 hexadecimal digits, found 0"},
        {HEADER SUMMARY("0", "0000000000000001", REST),
         ":2:33: expected \"digest\" to be \"0000000000000000\", which the events have, found \"0000000000000001\""},
        {HEADER SUMMARY("0", NO_EVENTS, ",\"outcome\":\"fine\""),
         ":2:62: expected \"outcome\" to be the name of an outcome, found \"fine\""},
        {HEADER SUMMARY("0", NO_EVENTS, ",\"outcome\":\"OK\""),
         ":2:62: expected \"outcome\" to be the name of an outcome, found \"OK\""},
        {HEADER SUMMARY("0", NO_EVENTS, ",\"outcome\":0"),
         ":2:62: expected \"outcome\" to be the name of an outcome, found 0"},
        {HEADER SUMMARY("0", NO_EVENTS, ",\"outcome\":\"ok\",\"report\":[]"),
         ":2:76: expected \"report\" to be a string, found an array"},
        {HEADER SUMMARY("0", NO_EVENTS, ",\"outcome\":\"ok\",\"report\":\"\",\"time\":0"),
         ":2:12: expected \"steps\" in \"summary\""},
        {HEADER "{\"summary\":{},\"seq\":1}\n", ":2:21: expected nothing beside \"summary\""},
        {HEADER "{\"seq\":1,\"summary\":{}}\n", ":2:8: expected nothing beside \"summary\""},
        {HEADER SUMMARY("0", NO_EVENTS, REST) "\n", ":3:1: expected the end of the file after the summary"},
        {HEADER SUMMARY("0", NO_EVENTS, REST) EVENT, ":3:1: expected the end of the file after the summary"},
        {HEADER SUMMARY("0", NO_EVENTS, REST) HEADER, ":3:1: expected the end of the file after the summary"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(*state, cases[i][0], cases[i][1]);
}

static void wrong_files(void **state)
{
    const struct place *place = *state;
    char error[512], expected[512];
    struct qp_trace trace;
    assert_false(qp_trace_load(&trace, place->path, error, sizeof error));
    snprintf(expected, sizeof expected, "%s: cannot be opened: No such file or directory", place->path);
    assert_string_equal(error, expected);
    assert_false(qp_trace_load(&trace, place->folder, error, sizeof error));
    snprintf(expected, sizeof expected, "%s: cannot be read: Is a directory", place->folder);
    assert_string_equal(error, expected);
    char small[8];
    assert_false(qp_trace_load(&trace, place->path, small, sizeof small));
    assert_int_equal(strlen(small), sizeof small - 1);
}

/* ---- what is a trace all the same ---- */

static struct qp_trace load_text(const struct place *place, const char *text)
{
    char error[512] = "";
    struct qp_trace trace = {0};
    put(place->path, text, strlen(text));
    if (!qp_trace_load(&trace, place->path, error, sizeof error))
        fail_msg("%s", error);
    return trace;
}

static void other_writers_may_write_it_differently(void **state)
{
    struct qp_trace trace = load_text(*state, HEADER SUMMARY("0", NO_EVENTS, REST));
    qp_trace_free(&trace);
    /* no newline at the end; carriage returns; spaces; another order; escapes; small integers as strings */
    trace = load_text(*state, " { \"version\" : 1 , \"quipu\" : \"tr\\u0061ce\", \"choices\":[ 1 ,\t2 ],\"params\":{},"
                              "\"seed\":\"1\",\"strategy\":\"\",\"scenario\":\"\",\"library\":\"\"}\r\n"
                              "{\"summary\":{\"steps\":\"5\",\"time\":\"-7\",\"report\":\"\\ud83e\\udea2\","
                              "\"outcome\":\"panicked\",\"digest\":\"0000000000000000\",\"events\":\"0\"}}");
    assert_int_equal(trace.meta.choice_count, 2);
    assert_int_equal(trace.meta.choices[1], 2);
    assert_int_equal(trace.meta.steps, 5);
    assert_true(trace.meta.time_ns == -7);
    assert_int_equal(trace.meta.outcome, QP_PANICKED);
    assert_string_equal(trace.meta.report, "\xF0\x9F\xAA\xA2");
    qp_trace_free(&trace);
}

/* ---- a real trace ---- */

static const struct qp_site here = {"scenarios/x.c", "qp_lock(m, &guard)", 12};

static void write_real(const char *path, size_t count)
{
    char error[512], text[64];
    struct qp_recorder *recorder = qp_recorder_create(0);
    assert_non_null(recorder);
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "value %zu", i);
        struct qp_event event = {.seq = i + 1,
                                 .time_ns = (int64_t)i * 1000,
                                 .kind = i % 2 ? QP_EVENT_VALUE_SENT : QP_EVENT_FUTURE_READY,
                                 .task = i % 3,
                                 .op = "send",
                                 .site = i % 5 ? &here : NULL,
                                 .fields = {i},
                                 .text = text};
        qp_recorder_event(recorder, &event);
    }
    struct qp_events events = qp_recorder_events(recorder);
    static const uint32_t choices[] = {1, 0, 2};
    struct qp_trace_meta meta = {.scenario = "s", .choices = choices, .choice_count = 3};
    assert_true(qp_trace_write(path, &meta, &events, error, sizeof error));
    qp_recorder_destroy(recorder);
}

static char *slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(1 << 20);
    assert_non_null(text);
    *length = fread(text, 1, 1 << 20, file);
    fclose(file);
    return text;
}

struct seen {
    int headers, summaries;
    struct qp_recorder *recorder;
    const struct qp_site *site;
    uint64_t digest;
};

static void see_header(void *context, const struct qp_trace_meta *meta)
{
    struct seen *seen = context;
    assert_string_equal(meta->scenario, "s");
    assert_int_equal(qp_recorder_count(seen->recorder), 0);
    seen->headers++;
}

static void see_event(void *context, const struct qp_event *event)
{
    struct seen *seen = context;
    assert_int_equal(seen->headers, 1);
    if (event->site && seen->site)
        assert_ptr_equal(event->site, seen->site); /* equal sites are one */
    if (event->site)
        seen->site = event->site;
    struct qp_event kept = *event;
    kept.op = event->op ? "send" : NULL;
    kept.site = event->site ? &here : NULL;
    qp_recorder_event(seen->recorder, &kept);
}

static void see_summary(void *context, const struct qp_trace_meta *meta, uint64_t digest)
{
    struct seen *seen = context;
    assert_int_equal(meta->choice_count, 3);
    seen->summaries++;
    seen->digest = digest;
}

static void a_trace_is_read_event_by_event(void **state)
{
    const struct place *place = *state;
    char error[512];
    struct seen seen = {.recorder = qp_recorder_create(0)};
    struct qp_trace_handler handler = {&seen, see_header, see_event, see_summary};
    write_real(place->path, 1000);
    assert_true(qp_trace_read(place->path, &handler, error, sizeof error));
    assert_int_equal(seen.headers, 1);
    assert_int_equal(seen.summaries, 1);
    assert_int_equal(qp_recorder_count(seen.recorder), 1000);
    assert_true(qp_recorder_digest(seen.recorder) == seen.digest);
    qp_recorder_destroy(seen.recorder);
}

static void a_changed_event_changes_the_digest(void **state)
{
    const struct place *place = *state;
    char error[512];
    size_t length;
    struct qp_trace trace;
    write_real(place->path, 10);
    char *text = slurp(place->path, &length);
    char *value = strstr(text, "value 7");
    assert_non_null(value);
    value[6] = '8';
    put(place->path, text, length);
    assert_false(qp_trace_load(&trace, place->path, error, sizeof error));
    assert_non_null(strstr(error, ".jsonl:12:34: expected \"digest\" to be \""));
    free(text);
}

static void every_truncation_is_refused(void **state)
{
    const struct place *place = *state;
    size_t length;
    write_real(place->path, 6);
    char *text = slurp(place->path, &length);
    for (size_t cut = 0; cut < length - 1; cut++) { /* the last newline may be missing */
        char error[512] = "";
        struct qp_trace trace;
        put(place->path, text, cut);
        assert_false(qp_trace_load(&trace, place->path, error, sizeof error));
        assert_non_null(strstr(error, ".jsonl:"));
        assert_non_null(strstr(error, ": expected "));
    }
    free(text);
}

static uint64_t draw(uint64_t *random, uint64_t count)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random % count;
}

/* Changes a byte, takes some out, or repeats some. */
static void damage(uint64_t *random, char *text, size_t *length)
{
    static const char likely[] = "\"\\{}[]:,0123456789-eu\n\0\x80\xff";
    size_t at = (size_t)draw(random, *length), count = (size_t)draw(random, 20) + 1;
    if (count > *length - at)
        count = *length - at;
    switch (draw(random, 4)) {
    case 0:
        text[at] = (char)draw(random, 256);
        break;
    case 1:
        text[at] = likely[draw(random, sizeof likely)];
        break;
    case 2:
        memmove(text + at, text + at + count, *length - at - count);
        *length -= count;
        break;
    default:
        memmove(text + at + count, text + at, *length - at);
        *length += count;
    }
}

/* Whatever it is, there is a sentence, or it is a trace that can be written again and read to the same. */
static void assert_trace_or_sentence(const struct place *place)
{
    char error[1024] = "";
    struct qp_trace trace = {0}, again = {0};
    if (!qp_trace_load(&trace, place->path, error, sizeof error)) {
        assert_true(strncmp(error, place->path, strlen(place->path)) == 0);
        assert_non_null(strstr(error, ": expected "));
        return;
    }
    struct qp_events events = qp_trace_events(&trace);
    assert_true(qp_trace_write(place->path, &trace.meta, &events, error, sizeof error));
    assert_true(qp_trace_load(&again, place->path, error, sizeof error));
    struct qp_events events_again = qp_trace_events(&again);
    assert_true(qp_events_compare(&events, &events_again) == QP_EVENTS_SAME);
    qp_trace_free(&trace);
    qp_trace_free(&again);
}

static void random_damage_is_survived(void **state)
{
    const struct place *place = *state;
    const char *given = getenv("QUIPU_TEST_SEED");
    uint64_t random = given ? strtoull(given, NULL, 10) : 20240229;
    print_message("QUIPU_TEST_SEED=%" PRIu64 "\n", random);
    random += random == 0;
    size_t length, whole;
    write_real(place->path, 4);
    char *text = slurp(place->path, &whole), *damaged = malloc(whole + 200);
    assert_non_null(damaged);
    for (int i = 0; i < 5000; i++) {
        memcpy(damaged, text, whole);
        length = whole;
        for (uint64_t times = 1 + draw(&random, 3); times > 0; times--)
            damage(&random, damaged, &length);
        put(place->path, damaged, length);
        assert_trace_or_sentence(place);
    }
    free(text);
    free(damaged);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(wrong_headers),
        IN_FOLDER(too_many_parameters),
        IN_FOLDER(wrong_bytes),
        IN_FOLDER(lines_of_absurd_length),
        IN_FOLDER(long_texts),
        IN_FOLDER(wrong_events),
        IN_FOLDER(wrong_ends),
        IN_FOLDER(wrong_files),
        IN_FOLDER(other_writers_may_write_it_differently),
        IN_FOLDER(a_trace_is_read_event_by_event),
        IN_FOLDER(a_changed_event_changes_the_digest),
        IN_FOLDER(every_truncation_is_refused),
        IN_FOLDER(random_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
