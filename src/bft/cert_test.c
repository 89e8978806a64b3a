#include "base/test.h"

#include "bft/cluster_test.h"

enum { N = 7 };

struct fixture {
    struct valset_member members[N];
    struct bft_set set;
    struct hash network;
    struct verifier verifier;
    struct bft_statement statement;
    struct signature signatures[N];
};

static void sign_as(struct fixture *f, uint32_t member, const struct bft_statement *st,
                    struct signature *out)
{
    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(st, &f->network, &f->set.hash, bytes);
    *out = cluster_signature(&f->set.set.members[member].hotkey, span_of(bytes, sizeof bytes));
}

static struct fixture open_fixture(void)
{
    struct fixture f = {.verifier = {cluster_verify, NULL}};
    f.network.bytes[0] = 1;
    f.statement = (struct bft_statement){.type = BFT_TYPE_COMMIT, .epoch = 4, .view = 2, .seq = 9};
    f.statement.digest.bytes[3] = 3;
    return f;
}

static void ready(struct fixture *f)
{
    for (uint32_t i = 0; i < N; i++) {
        f->members[i].hotkey.bytes[0] = (uint8_t)(i + 1);
        f->members[i].stake = 10;
    }
    struct valset v = {.epoch = 4, .members = f->members, .members_count = N};
    assert_int_equal(bft_set_init(&f->set, &v), ERR_OK);
}

/* A certificate of the members in the bits of subset. */
static struct bft_cert cert_of(struct fixture *f, uint32_t subset)
{
    struct bft_cert c = {.statement = f->statement, .signatures = f->signatures};
    c.bitmap[0] = (uint8_t)subset;
    for (uint32_t i = 0; i < N; i++)
        if ((subset >> i & 1) != 0)
            sign_as(f, i, &f->statement, &f->signatures[c.signatures_count++]);
    return c;
}

static enum err check(struct fixture *f, const struct bft_cert *c)
{
    return bft_cert_check(c, &f->set, &f->network, &f->verifier);
}

static void test_every_subset(void **state)
{
    (void)state;
    struct fixture f = open_fixture();
    ready(&f);
    for (uint32_t subset = 0; subset < 1u << N; subset++) {
        struct bft_cert c = cert_of(&f, subset);
        bool quorum = __builtin_popcount(subset) >= 5;
        assert_int_equal(check(&f, &c), quorum ? ERR_OK : ERR_DENIED);
    }
}

/* U4, M5: a member counts once, whatever the list looks like. */
static void test_shapes(void **state)
{
    (void)state;
    struct fixture f = open_fixture();
    ready(&f);
    struct bft_cert c = cert_of(&f, 0x1f);
    c.signatures_count = 4; /* one short */
    assert_int_equal(check(&f, &c), ERR_MALFORMED);
    c = cert_of(&f, 0x0f); /* one member's twice: bits cannot say it */
    f.signatures[4] = f.signatures[3];
    c.signatures_count = 5;
    assert_int_equal(check(&f, &c), ERR_MALFORMED);
    c.bitmap[0] = 0x1f; /* in the place of another */
    assert_int_equal(check(&f, &c), ERR_BAD_SIGNATURE);
    c = cert_of(&f, 0x1f); /* permuted */
    struct signature t = f.signatures[0];
    f.signatures[0] = f.signatures[1];
    f.signatures[1] = t;
    assert_int_equal(check(&f, &c), ERR_BAD_SIGNATURE);
    c = cert_of(&f, 0x0f); /* a bit without a member */
    c.bitmap[1] = 1;
    c.signatures_count = 5;
    assert_int_equal(check(&f, &c), ERR_DENIED);
    c = cert_of(&f, 0x1f); /* another's bit */
    c.bitmap[0] = 0x2f;
    assert_int_equal(check(&f, &c), ERR_BAD_SIGNATURE);
}

/* U1, M6, M7: what was signed for one purpose is nothing for any other. */
static void test_replayed_elsewhere(void **state)
{
    (void)state;
    struct fixture f = open_fixture();
    ready(&f);
    struct bft_cert c = cert_of(&f, 0x1f);
    c.statement.type = BFT_TYPE_PREPARE;
    assert_int_equal(check(&f, &c), ERR_BAD_SIGNATURE);
    c = cert_of(&f, 0x1f);
    c.statement.epoch = 5;
    assert_int_equal(check(&f, &c), ERR_MALFORMED);
    c = cert_of(&f, 0x1f);
    c.statement.view++;
    assert_int_equal(check(&f, &c), ERR_BAD_SIGNATURE);
    c = cert_of(&f, 0x1f);
    c.statement.seq++;
    assert_int_equal(check(&f, &c), ERR_BAD_SIGNATURE);
    c = cert_of(&f, 0x1f);
    c.statement.digest.bytes[0]++;
    assert_int_equal(check(&f, &c), ERR_BAD_SIGNATURE);
    c = cert_of(&f, 0x1f);
    f.network.bytes[0]++;
    assert_int_equal(check(&f, &c), ERR_BAD_SIGNATURE);
    f.network.bytes[0]--;
    f.set.hash.bytes[0]++;
    assert_int_equal(check(&f, &c), ERR_BAD_SIGNATURE);
}

/* One form only: no certificate of a PROPOSE, no aux where none belongs. */
static void test_statements(void **state)
{
    (void)state;
    static const enum bft_type no[] = {BFT_TYPE_PROPOSE, BFT_TYPE_VIEW_CHANGE, BFT_TYPE_NEW_VIEW,
                                       BFT_TYPE_READY, BFT_TYPE_KEYBIND};
    struct fixture f = open_fixture();
    ready(&f);
    for (uint32_t i = 0; i < COUNT_OF(no); i++) {
        f.statement.type = no[i];
        struct bft_cert c = cert_of(&f, 0x7f);
        assert_int_equal(check(&f, &c), ERR_MALFORMED);
    }
    f.statement.type = BFT_TYPE_COMMIT;
    f.statement.aux.bytes[0] = 1;
    struct bft_cert c = cert_of(&f, 0x7f);
    assert_int_equal(check(&f, &c), ERR_MALFORMED);
    f.statement.type = BFT_TYPE_CHECKPOINT;
    f.statement.view = 0;
    f.statement.seq = 9;
    c = cert_of(&f, 0x7f);
    assert_int_equal(check(&f, &c), ERR_MALFORMED);
    f.statement.seq = 32;
    c = cert_of(&f, 0x7f);
    assert_int_equal(check(&f, &c), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_every_subset),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_replayed_elsewhere),
        cmocka_unit_test(test_statements),
    };
    return cmocka_run_group_tests_name("bft_cert", all, NULL, NULL);
}
