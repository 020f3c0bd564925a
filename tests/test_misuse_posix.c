/* SPDX-License-Identifier: MIT */
/* The functions of the port to the system and of the helpers that wait, misused. */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"

#include "misuse.h"

/* ---- the port to the system ---- */

TEST(viamc_posix_init)
{
    viamc_posix_init(NULL);
}

TEST(viamc_posix_close)
{
    viamc_posix p;
    viamc_posix_close(NULL);
    viamc_posix_init(&p);
    viamc_posix_close(&p);
    viamc_posix_close(&p);
    CHECK_EQ_INT(viamc_posix_listen(&p, "127.0.0.1:0"), VIAMC_OK); /* can be used again */
    viamc_posix_close(&p);
}

TEST(viamc_posix_port)
{
    CHECK(viamc_posix_port() != NULL && viamc_posix_port()->accept == NULL);
}

TEST(viamc_posix_server_port)
{
    CHECK(viamc_posix_server_port() != NULL && viamc_posix_server_port()->open == NULL);
}

TEST(viamc_posix_now)
{
    viamc_ms first = viamc_posix_now();
    CHECK(viamc_posix_now() - first < 10000u);
}

TEST(viamc_posix_unix_time)
{
    CHECK(viamc_posix_unix_time() > 1700000000u);
}

TEST(viamc_posix_listen)
{
    static const char *const addresses[] = {NULL, "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:080", "127.0.0.1:65536",
                                            "127.0.0.1:http", "unix:", "[::1:80", "[::1]80", "::1",
#ifdef _WIN32
                                            "unix:/robot",
#endif
    };
    viamc_posix p;
    size_t i;
    CHECK_EQ_INT(viamc_posix_listen(NULL, "127.0.0.1:0"), VIAMC_ERR_ARG);
    viamc_posix_init(&p);
    for (i = 0; i < TEST_COUNT(addresses); i++)
        CHECK_EQ_INT(viamc_posix_listen(&p, addresses[i]), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_listen(&p, long_text("unix:/")), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_listen(&p, long_text("")), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_listen(&p, "127.0.0.1:0"), VIAMC_OK);
    CHECK_EQ_INT(viamc_posix_listen(&p, "127.0.0.1:0"), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_posix_listen(&p, "127.0.0.1"), VIAMC_ERR_ARG);
    viamc_posix_close(&p);
}

TEST(viamc_posix_listen_address)
{
    viamc_posix p;
    char text[120];
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_listen_address(NULL, text, sizeof text), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_listen_address(&p, NULL, sizeof text), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_listen_address(&p, text, sizeof text), VIAMC_ERR_STATE);
    CHECK_EQ_INT(viamc_posix_listen(&p, "127.0.0.1:0"), VIAMC_OK);
    CHECK_EQ_INT(viamc_posix_listen_address(&p, text, 0), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(viamc_posix_listen_address(&p, text, 11), VIAMC_ERR_NOMEM);
    CHECK_EQ_INT(viamc_posix_listen_address(&p, text, sizeof text), VIAMC_OK);
    viamc_posix_close(&p);
}

TEST(viamc_posix_errno)
{
#ifdef _WIN32
    enum { NO_SUCH = WSAENOTSOCK };
#else
    enum { NO_SUCH = EBADF };
#endif
    viamc_posix p;
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_errno(NULL, 0), NO_SUCH);
    CHECK_EQ_INT(viamc_posix_errno(&p, VIAMC_POSIX_ROOTS + 1), NO_SUCH);
    CHECK_EQ_INT(viamc_posix_errno(&p, 0xffffffffu), NO_SUCH);
    CHECK_EQ_INT(viamc_posix_errno(&p, 0), 0);
}

TEST(viamc_posix_next_root)
{
    viamc_posix p;
    uint8_t der[64];
    size_t len;
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_next_root(NULL, 0, der, sizeof der, &len), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_next_root(&p, 0, NULL, sizeof der, &len), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_next_root(&p, 0, der, sizeof der, NULL), VIAMC_ERR_ARG);
    viamc_posix_close(&p);
}

TEST(viamc_posix_roots_path)
{
    CHECK(viamc_posix_roots_path() != NULL);
}

TEST(viamc_posix_sleep)
{
    viamc_posix p;
    viamc_wait_hint now = {0, 0xff};
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_sleep(NULL, &now), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_sleep(&p, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_sleep(&p, &now), VIAMC_OK);
}

TEST(viamc_posix_open)
{
    static uint8_t memory[VIAMC_CLIENT_MEM(4, 0)];
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_client_desc d = VIAMC_ZERO;
    viamc_client *c;
    viamc_posix p;
    dial.address = "127.0.0.1:1";
    CHECK_EQ_INT(viamc_posix_open(NULL, memory, sizeof memory, NULL, &dial, &c), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_open(&p, NULL, sizeof memory, NULL, &dial, &c), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_open(&p, memory, sizeof memory, NULL, NULL, &c), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_open(&p, memory, sizeof memory, NULL, &dial, NULL), VIAMC_ERR_ARG);
    CHECK(viamc_posix_open(&p, memory, 100, NULL, &dial, &c) == VIAMC_ERR_NOMEM && c == NULL);
    d.guard = 1;
    CHECK(viamc_posix_open(&p, memory, sizeof memory, &d, &dial, &c) == VIAMC_ERR_ARG && c == NULL);
    CHECK_EQ_INT(viamc_posix_run(&p, 0), VIAMC_ERR_STATE); /* there is no client */
    dial.address = "";
    CHECK(viamc_posix_open(&p, memory, sizeof memory, NULL, &dial, &c) == VIAMC_ERR_ARG && viamc_state(c) == VIAMC_FAILED);
    viamc_client_close(c);
    viamc_posix_close(&p);
}

TEST(viamc_posix_ready)
{
    viamc_posix p;
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_ready(NULL, 0), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_ready(&p, VIAMC_FOREVER), VIAMC_ERR_STATE);
}

TEST(viamc_posix_finish)
{
    static uint8_t memory[VIAMC_CLIENT_MEM(4, 0)], kept[sizeof memory];
    viamc_dial_desc dial = VIAMC_ZERO;
    viamc_client *c;
    viamc_posix p;
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_finish(NULL, 1, 0, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_finish(&p, 1, VIAMC_FOREVER, NULL), VIAMC_ERR_STATE);
    dial.address = "127.0.0.1:1";
    dial.insecure = true;
    REQUIRE(viamc_posix_open(&p, memory, sizeof memory, NULL, &dial, &c) == VIAMC_OK);
    memcpy(kept, memory, sizeof memory);
    CHECK_EQ_INT(viamc_posix_finish(&p, 0, VIAMC_FOREVER, NULL), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_finish(&p, 1, VIAMC_FOREVER, NULL), VIAMC_ERR_NOT_FOUND);
    CHECK(memcmp(kept, memory, sizeof memory) == 0);
    viamc_client_close(c);
    viamc_posix_close(&p);
}

TEST(viamc_posix_run)
{
    viamc_posix p;
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_run(NULL, 0), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_run(&p, VIAMC_FOREVER), VIAMC_ERR_STATE);
}

TEST(viamc_posix_turn)
{
    viamc_posix p;
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_turn(NULL, 0), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_turn(&p, VIAMC_FOREVER), VIAMC_ERR_STATE);
}

TEST(viamc_posix_find)
{
    viamc_found robots[1];
    size_t count = 7;
    CHECK_EQ_INT(viamc_posix_find(NULL, 1, 0, &count), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_find(robots, 1, 0, NULL), VIAMC_ERR_ARG);
    (void)viamc_posix_find(robots, 0, 0, &count); /* without time nothing is asked */
    CHECK_EQ_INT(count, 0);
}

TEST(viamc_posix_read_pem)
{
    uint8_t buf[64];
    viamc_bytes der[1];
    size_t count;
    CHECK_EQ_INT(viamc_posix_read_pem(NULL, "X", buf, sizeof buf, der, 1, &count), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_read_pem("LICENSE", NULL, buf, sizeof buf, der, 1, &count), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_read_pem("LICENSE", "X", NULL, sizeof buf, der, 1, &count), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_read_pem("LICENSE", "X", buf, sizeof buf, NULL, 1, &count), VIAMC_ERR_ARG);
    CHECK_EQ_INT(viamc_posix_read_pem("LICENSE", "X", buf, sizeof buf, der, 1, NULL), VIAMC_ERR_ARG);
    CHECK(viamc_posix_read_pem("no such file", "X", buf, sizeof buf, der, 1, &count) == VIAMC_ERR_IO && count == 0);
    CHECK(viamc_posix_read_pem("LICENSE", "X", buf, sizeof buf, der, 1, &count) == VIAMC_ERR_NOT_FOUND && count == 0);
}

TEST(viamc_posix_explain)
{
    viamc_posix p;
    viamc_posix_init(&p);
    CHECK_EQ_INT(viamc_posix_explain(NULL, NULL, VIAMC_ERR_ARG), 1);
    CHECK_EQ_INT(viamc_posix_explain(&p, "test_misuse_posix, on purpose", VIAMC_ERR_STATE), 1);
}

int main(int argc, char **argv)
{
    test_begin("misuse_posix", argc, argv);
    RUN(viamc_posix_init);
    RUN(viamc_posix_close);
    RUN(viamc_posix_port);
    RUN(viamc_posix_server_port);
    RUN(viamc_posix_now);
    RUN(viamc_posix_unix_time);
    RUN(viamc_posix_listen);
    RUN(viamc_posix_listen_address);
    RUN(viamc_posix_errno);
    RUN(viamc_posix_next_root);
    RUN(viamc_posix_roots_path);
    RUN(viamc_posix_sleep);
    RUN(viamc_posix_open);
    RUN(viamc_posix_ready);
    RUN(viamc_posix_finish);
    RUN(viamc_posix_run);
    RUN(viamc_posix_turn);
    RUN(viamc_posix_read_pem);
    RUN(viamc_posix_explain);
    RUN(viamc_posix_find);
    return test_end();
}
