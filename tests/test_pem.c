/* SPDX-License-Identifier: MIT */
/* Tests of codec/pem. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include "test.h"

#define B(label) "-----BEGIN " label "-----\n"
#define E(label) "-----END " label "-----\n"

/* Reads a file in pieces of `step` octets, each in a block of its own, and writes down what was found: "CERTIFICATE=foobar;", "bad;",
 * "large;", and "inside;" if the end of the file lies in an object. */
static const char *read_file(const char *file, size_t len, size_t step, size_t cap)
{
    static char log[4096];
    uint8_t *der = (uint8_t *)malloc(cap + 1u);
    size_t at = 0, n;
    vmc_pem p;
    vmc_wr w = vmc_wr_of(log, sizeof log - 1u);
    if (der == NULL)
        test_die("no memory", "read_file");
    vmc_pem_begin(&p, der + 1, cap); /* the block ends with the memory */
    for (; at < len; at += n) {
        uint8_t *copy;
        viamc_bytes piece;
        unsigned found;
        n = step < len - at ? step : len - at;
        copy = (uint8_t *)malloc(n);
        if (copy == NULL)
            test_die("no memory", "read_file");
        memcpy(copy, file + at, n);
        piece = viamc_view(copy, n);
        while ((found = vmc_pem_next(&p, &piece)) != VMC_PEM_MORE) {
            if (found == VMC_PEM_OBJECT) {
                CHECK(p.der.len != 0 && p.der.len <= cap);
                vmc_wr_bytes(&w, vmc_pem_label(&p).ptr, vmc_pem_label(&p).len);
                vmc_wr_u8(&w, '=');
                vmc_wr_bytes(&w, p.der.ptr, p.der.len);
                vmc_wr_u8(&w, ';');
            } else {
                CHECK_EQ_INT(p.der.len, 0);
                vmc_wr_text(&w, found == VMC_PEM_BAD ? "bad;" : "large;");
            }
        }
        CHECK_EQ_INT(piece.len, 0);
        free(copy);
    }
    if (p.state >= VMC_PEM_BODY)
        vmc_wr_text(&w, "inside;");
    log[w.len] = '\0';
    free(der);
    return log;
}

/* In whatever pieces the file comes, the same is found. */
static void check_file(const char *file, size_t cap, const char *want)
{
    size_t step, len = strlen(file);
    for (step = 1; step <= len; step++)
        CHECK_EQ_STR(read_file(file, len, step, cap), want);
}

TEST(one_object)
{
    check_file(B("CERTIFICATE") "Zm9vYmFy\n" E("CERTIFICATE"), 6, "CERTIFICATE=foobar;");
    check_file(B("CERTIFICATE") "Zm9v\nYmFy\n" E("CERTIFICATE"), 6, "CERTIFICATE=foobar;");
    check_file(B("PRIVATE KEY") "Zm9vYg==\n" E("PRIVATE KEY"), 4, "PRIVATE KEY=foob;");
    check_file(B("PRIVATE KEY") "Zm9vYg\n-----END PRIVATE KEY-----", 4, "PRIVATE KEY=foob;"); /* no line end at the end */
    check_file(B("X") "Z\nm\n9\nv\n" E("X"), 3, "X=foo;");
}

TEST(line_ends_and_indentation)
{
    check_file("-----BEGIN X-----\r\nZm9v\r\nYmFy\r\n-----END X-----\r\n", 6, "X=foobar;");
    check_file("-----BEGIN X-----\rZm9v\r-----END X-----\r", 6, "X=foo;");
    check_file("\xef\xbb\xbf" B("X") "Zm9v\n" E("X"), 6, "X=foo;"); /* a byte order mark */
    check_file("  " B("X") " Zm9v \n\t" E("X"), 6, "X=foo;");
    check_file("\t" B("X") "\tZm9v\n" E("X"), 6, "X=foo;");
    check_file(B("X") "\n\nZm9v\n\n" E("X"), 6, "X=foo;");
    check_file("-----BEGIN X-----  \nZm9v  \n-----END X-----  \n" B("Y") "YmFy\n" E("Y"), 6, "X=foo;Y=bar;");
}

TEST(several_objects)
{
    check_file("# roots\n" B("CERTIFICATE") "Zm9v\n" E("CERTIFICATE") "\nsubject: CN=x\n--- not this ---\n"
               B("CERTIFICATE") "YmFy\n" E("CERTIFICATE") B("EC PARAMETERS") "BggqhkjOPQMBBw==\n" E("EC PARAMETERS")
               B("EC PRIVATE KEY") "YmF6\n" E("EC PRIVATE KEY") "end\n", 10,
               "CERTIFICATE=foo;CERTIFICATE=bar;EC PARAMETERS=\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07;EC PRIVATE KEY=baz;");
}

TEST(junk)
{
    check_file("", 6, "");
    check_file("nothing here\n\n-----\n----BEGIN X-----\n------BEGIN X-----\n-----BEGIN\n-----END X-----\nZm9v\n", 6, "");
    check_file("x -----BEGIN X-----\nZm9v\n-----END X-----\n", 6, ""); /* not at the start of a line */
    check_file("-----BEGIN X----\nZm9v\n" B("Y") "Zm9v\n" E("Y"), 6, "Y=foo;");
    check_file("-----BEGIN X\n" B("Y") "Zm9v\n" E("Y"), 6, "Y=foo;");
    check_file("-----BEGIN X-Y-----\n" B("Y") "Zm9v\n" E("Y"), 6, "Y=foo;");
    check_file("----\n" B("Y") "Zm9v\n" E("Y"), 6, "Y=foo;");
}

TEST(labels_have_a_length)
{
    check_file(B("12345678901234567890123456789012") "Zm9v\n" E("12345678901234567890123456789012"), 6,
               "12345678901234567890123456789012=foo;");
    check_file(B("123456789012345678901234567890123") "Zm9v\n" E("123456789012345678901234567890123") B("X") "Zm9v\n" E("X"), 6,
               "X=foo;"); /* 33 */
    check_file(B("12345678901234567890123456789012") "Zm9v\n" E("123456789012345678901234567890123"), 6, "bad;");
    check_file(B("") "Zm9v\n" E(""), 6, "=foo;");
}

TEST(objects_that_do_not_fit)
{
    static const char file[] = B("A") "Zm9vYmFy\n" E("A") B("B") "Zm9v\n" E("B") B("C") "Zm9vYg\n" E("C");
    check_file(file, 6, "A=foobar;B=foo;C=foob;");
    check_file(file, 5, "large;B=foo;C=foob;");
    check_file(file, 4, "large;B=foo;C=foob;");
    check_file(file, 3, "large;B=foo;large;");
    check_file(file, 2, "large;large;large;");
    check_file(file, 0, "large;large;large;");
}

TEST(bad_objects)
{
    check_file(B("A") "Zm9?\n" E("A") B("B") "Zm9v\n" E("B"), 6, "bad;B=foo;");
    check_file(B("A") "Zm9vY\n" E("A"), 6, "bad;");
    check_file(B("A") "Zg==Zg==\n" E("A"), 6, "bad;");
    check_file(B("A") E("A"), 6, "bad;"); /* empty */
    check_file(B("A") "Zm9v\n" E("B") B("C") "Zm9v\n" E("C"), 6, "bad;C=foo;");
    check_file(B("A") "Zm9v\n" E("AB"), 6, "bad;");
    check_file(B("AB") "Zm9v\n" E("A"), 6, "bad;");
    check_file(B("A") "Zm9v\n-----END A----\n" B("C") "Zm9v\n" E("C"), 6, "bad;C=foo;");
    check_file(B("A") "Zm9v\n--\n" E("A"), 6, "bad;");
    check_file(B("A") "Zm9v?YmFy\n" E("A"), 3, "bad;"); /* bad and too large: bad */
    check_file(B("RSA PRIVATE KEY") "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nZm9v\n" E("RSA PRIVATE KEY") B("B") "Zm9v\n" E("B"),
               6, "bad;B=foo;");
}

TEST(objects_without_an_end)
{
    check_file(B("A") "Zm9v\n" B("B") "YmFy\n" E("B"), 6, "bad;B=bar;");
    check_file(B("A") B("B") B("C") "YmFy\n" E("C"), 6, "bad;bad;C=bar;");
    check_file(B("A") "Zm9v\n", 6, "inside;");
    check_file(B("A") "Zm9v\n-----END", 6, "inside;");
    check_file(B("A") "Zm9v\n-----END A----", 6, "inside;");
    check_file("-----BEGIN A----", 6, "");
}

/* Cut at every octet: what was found up to there, and nothing made up. */
TEST(truncations)
{
    static const char file[] = B("A") "Zm9v\n" E("A") "junk\n" B("B") "YmFy\n" E("B");
    size_t n;
    for (n = 0; n < sizeof file; n++) {
        const char *got = read_file(file, n, 5, 6);
        size_t len = strlen(got);
        if (len >= 7 && strcmp(got + len - 7, "inside;") == 0)
            len -= 7;
        CHECK(strncmp(got, "A=foo;B=bar;", len) == 0 && (len == 0 || len == 6 || len == 12));
    }
    CHECK_EQ_STR(read_file(file, sizeof file - 1u, 5, 6), "A=foo;B=bar;");
}

/* Files made of likely and unlikely parts: the pieces never matter, and each begun object is counted at most once. */
TEST(random_files)
{
    static const char *const parts[] = { "-----BEGIN ", "-----END ", "-----", "A", "B", "\n", "\n", "Zm9v", "YmFy", "=", "-", " ", "?",
        B("A"), E("A"), B("B"), E("B"), "-----BEGIN A", "\r" };
    unsigned i, found = 0;
    for (i = 0; i < 100000; i++) {
        char file[256], whole[512];
        size_t n = 1 + test_rand_below(12), cap = test_rand_below(12), len = test_rand_text(parts, TEST_COUNT(parts), n, file);
        strcpy(whole, read_file(file, len, 256, cap));
        found += strchr(whole, '=') != NULL;
        if (strcmp(whole, read_file(file, len, 1 + test_rand_below(8), cap)) != 0)
            CHECK(false);
    }
    CHECK(found > 100);
}

int main(int argc, char **argv)
{
    test_begin("pem", argc, argv);
    RUN(one_object);
    RUN(line_ends_and_indentation);
    RUN(several_objects);
    RUN(junk);
    RUN(labels_have_a_length);
    RUN(objects_that_do_not_fit);
    RUN(bad_objects);
    RUN(objects_without_an_end);
    RUN(truncations);
    RUN(random_files);
    return test_end();
}
