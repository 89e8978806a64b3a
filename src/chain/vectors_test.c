/* Storage keys, calls, eras, payloads and extrinsics against what real runtimes
 * and polkadot-js made of the same values. */
#include "chain/chain_test.h"

#include "chain/extrinsic.h"
#include "chain/storage.h"
#include "crypto/hash.h"

struct fixture {
    struct arena arena;
    struct metadata old, new;
    json_t *vectors;
};

static const uint16_t uids[] = {4, 5};
static const uint16_t values[] = {65535, 32768};
static const uint16_t salt[] = {1, 2, 3};

static int setup(void **state)
{
    static struct fixture f;
    assert_int_equal(arena_open(&f.arena, 8 << 20), ERR_OK);
    read_metadata(&f.arena, SPEC_293, &f.old);
    read_metadata(&f.arena, SPEC_424, &f.new);
    f.vectors = read_json("vectors.json");
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    json_decref(f->vectors);
    arena_close(&f->arena);
    return 0;
}

static struct hotkey val0(struct fixture *f)
{
    struct hotkey key;
    const json_t *account = json_array_get(json_object_get(f->vectors, "accounts"), 0);
    memcpy(key.bytes, json_hex(&f->arena, account, "pub").ptr, sizeof key.bytes);
    return key;
}

static struct call_weights weights(uint8_t mechanism)
{
    return (struct call_weights){2, mechanism, 2, uids, values, 7};
}

static struct wr scratch(struct fixture *f)
{
    return wr_init((struct room){arena_alloc(&f->arena, 1024), 1024});
}

static void expect_call(struct fixture *f, const char *name, enum err e, const struct wr *w)
{
    assert_int_equal(e, ERR_OK);
    assert_span_equal(wr_done(w), json_hex(&f->arena, json_object_get(f->vectors, "calls"), name));
}

static void test_calls(void **state)
{
    struct fixture *f = *state;
    struct call_weights plain = weights(0), second = weights(1);
    struct hash commit;
    memset(&commit, 0x11, sizeof commit);
    struct hotkey key = val0(f);

    struct wr w = scratch(f);
    expect_call(f, "set_weights(netuid=2,dests=[4,5],weights=[65535,32768],version_key=7)",
                call_set_weights(&f->old, &plain, &w), &w);
    w = scratch(f);
    expect_call(f, "commit_weights(2,0x11*32)", call_commit_weights(&f->old, 2, 0, &commit, &w),
                &w);
    w = scratch(f);
    expect_call(f, "commit_mechanism_weights(2,1,0x11*32)",
                call_commit_weights(&f->new, 2, 1, &commit, &w), &w);
    w = scratch(f);
    expect_call(f, "reveal_weights(2,[4,5],[65535,32768],salt=[1,2,3],7)",
                call_reveal_weights(&f->new, &plain, salt, 3, &w), &w);
    w = scratch(f);
    expect_call(f, "reveal_mechanism_weights(2,1,[4,5],[65535,32768],[1,2,3],7)",
                call_reveal_weights(&f->new, &second, salt, 3, &w), &w);
    w = scratch(f);
    expect_call(f, "burned_register(2,val0)", call_burned_register(&f->old, 2, &key, &w), &w);
    w = scratch(f);
    expect_call(f, "System.remark(0x1234)", call_remark(&f->old, SPAN_LITERAL("\x12\x34"), &w), &w);
    w = scratch(f);
    struct call_axon axon = {2, 1, {[12] = 127, [15] = 1}, 8091, 4, 4};
    expect_call(f, "serve_axon(2,version=1,ip=0x7f000001,port=8091,ip_type=4,protocol=4,0,0)",
                call_serve_axon(&f->old, &axon, &w), &w);
    w = scratch(f);
    assert_int_equal(call_set_weights(&f->new, &second, &w), ERR_OK);
    assert_memory_equal(w.start, "\x07\x77\x02\x00\x01\x08", 6);
}

static void test_calls_the_runtime_has_not_got(void **state)
{
    struct fixture *f = *state;
    struct call_weights second = weights(1);
    struct wr w = scratch(f);
    assert_int_equal(call_set_weights(&f->old, &second, &w), ERR_UNSUPPORTED);
    w = wr_init((struct room){arena_alloc(&f->arena, 16), 16});
    second.mechanism = 0;
    assert_int_equal(call_set_weights(&f->old, &second, &w), ERR_TOO_BIG);
}

static void test_commitments_have_the_size_that_was_given(void **state)
{
    struct fixture *f = *state;
    static const uint8_t data[CALL_COMMITMENT_MAX];
    const struct metadata *both[] = {&f->old, &f->new};
    for (size_t i = 0; i < 2; i++)
        for (size_t size = 1; size <= sizeof data; size++) {
            struct wr w = scratch(f);
            assert_int_equal(call_set_commitment(both[i], 2, span_of(data, size), &w), ERR_OK);
            assert_int_equal(w.used, 2 + 2 + 1 + 1 + size);
        }
}

static void test_commit_hashes(void **state)
{
    struct fixture *f = *state;
    struct hotkey key = val0(f);
    struct call_weights plain = weights(0), second = weights(1);
    struct hash got = call_commit_hash(&key, &plain, salt, 3);
    const json_t *want = json_object_get(f->vectors, "commit_hash");
    assert_span_equal(hash_span(&got), json_hex(&f->arena, want, "hash"));
    got = call_commit_hash(&key, &second, salt, 3);
    want = json_object_get(f->vectors, "commit_hash_mech1");
    assert_span_equal(hash_span(&got), json_hex(&f->arena, want, "hash"));
}

static void test_eras(void **state)
{
    struct fixture *f = *state;
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(f->vectors, "eras"), i, one)
    {
        uint64_t current = (uint64_t)json_integer_value(json_object_get(one, "current"));
        uint32_t period = (uint32_t)json_integer_value(json_object_get(one, "period"));
        struct era e = era_at(current, period);
        struct wr w = scratch(f);
        era_encode(&e, &w);
        assert_span_equal(wr_done(&w), json_hex(&f->arena, one, "hex"));
        if (json_object_get(one, "birth") != NULL)
            assert_int_equal(era_birth(&e, current),
                             json_integer_value(json_object_get(one, "birth")));
        assert_true(era_birth(&e, current) <= current && era_death(&e, current) > current);
        struct rd r = rd_init(wr_done(&w));
        struct era back = era_decode(&r);
        assert_int_equal(rd_end(&r), ERR_OK);
        assert_int_equal(back.period, e.period);
        assert_int_equal(back.phase, e.phase);
    }
    struct rd r = rd_init(SPAN_LITERAL("\x01\x04")); /* Phase 64 of period 4. */
    era_decode(&r);
    assert_int_equal(r.bad, ERR_MALFORMED);
    struct era immortal = {0};
    assert_true(era_death(&immortal, 5) == UINT64_MAX);
}

static struct extrinsic_terms terms_of(struct fixture *f, const json_t *one)
{
    struct extrinsic_terms t = {0};
    t.nonce = (uint64_t)json_integer_value(json_object_get(one, "nonce"));
    t.tip = (uint64_t)json_integer_value(json_object_get(one, "tip"));
    t.spec_version = (uint32_t)json_integer_value(json_object_get(one, "spec_version"));
    t.tx_version = (uint32_t)json_integer_value(json_object_get(one, "tx_version"));
    memcpy(t.genesis.bytes, json_hex(&f->arena, one, "genesis").ptr, HASH_SIZE);
    t.birth = t.genesis;
    if (json_object_get(one, "block_hash_at_birth") != NULL) {
        memcpy(t.birth.bytes, json_hex(&f->arena, one, "block_hash_at_birth").ptr, HASH_SIZE);
        t.era = era_at(30, 8);
    }
    return t;
}

/* A runtime without one of them: its signatures would hold elsewhere, or twice. */
static void test_a_signature_holds_on_one_chain_once(void **state)
{
    struct fixture *f = *state;
    static const char *const needed[] = {"CheckGenesis", "CheckNonce"};
    struct extrinsic_terms t = {0};
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        struct metadata m = f->old;
        uint32_t at = 0;
        while (!span_equal(m.extensions[at].name, span_of(needed[i], strlen(needed[i]))))
            assert_true(++at < m.extension_count);
        m.extensions[at] = m.extensions[--m.extension_count];
        struct wr extra = scratch(f), implicit = scratch(f);
        assert_int_equal(extrinsic_extras(&m, &t, &extra, &implicit), ERR_UNSUPPORTED);
    }
}

static void test_signing_payloads(void **state)
{
    struct fixture *f = *state;
    const struct metadata *both[] = {&f->old, &f->new};
    struct call_weights plain = weights(0);
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(f->vectors, "signing"), i, one)
    {
        struct extrinsic_terms t = terms_of(f, one);
        struct wr call = scratch(f), extra = scratch(f), implicit = scratch(f);
        assert_int_equal(call_set_weights(both[i], &plain, &call), ERR_OK);
        assert_int_equal(extrinsic_extras(both[i], &t, &extra, &implicit), ERR_OK);
        assert_span_equal(wr_done(&extra), json_hex(&f->arena, one, "extra"));
        assert_span_equal(wr_done(&implicit), json_hex(&f->arena, one, "implicit"));
        uint8_t message[SIGNED_PLAIN_MAX];
        size_t size =
            extrinsic_message(wr_done(&call), wr_done(&extra), wr_done(&implicit), message);
        assert_span_equal(span_of(message, size), json_hex(&f->arena, one, "payload"));
    }
}

static void test_long_payloads_are_signed_by_their_hash(void **state)
{
    (void)state;
    static const uint8_t call[300];
    uint8_t message[SIGNED_PLAIN_MAX];
    assert_int_equal(
        extrinsic_message(span_of(call, 256), (struct span){0}, (struct span){0}, message), 256);
    assert_int_equal(
        extrinsic_message(span_of(call, 200), span_of(call, 50), span_of(call, 7), message),
        HASH_SIZE);
    struct hash want = hash_blake2b(span_of(call, 257));
    assert_memory_equal(message, want.bytes, HASH_SIZE);
}

/* XT-2: a hostile or newer runtime asks for something else to be signed. */
static void test_unknown_extensions_are_not_signed(void **state)
{
    struct fixture *f = *state;
    struct extrinsic_terms t = {0};
    struct metadata m = f->old;
    struct wr extra = scratch(f), implicit = scratch(f);
    m.extensions[5].name = SPAN_LITERAL("CheckSomethingNew");
    assert_int_equal(extrinsic_extras(&m, &t, &extra, &implicit), ERR_UNSUPPORTED);
    m = f->old;
    m.extensions[0].name = SPAN_LITERAL("HarmlessAndEmpty");
    extra = scratch(f), implicit = scratch(f);
    assert_int_equal(extrinsic_extras(&m, &t, &extra, &implicit), ERR_OK);
    m.extensions[1].implicit_type = m.extensions[3].implicit_type;
    extra = scratch(f), implicit = scratch(f);
    assert_int_equal(extrinsic_extras(&m, &t, &extra, &implicit), ERR_UNSUPPORTED);
    m = f->old;
    m.extension_count = 3; /* Neither genesis nor nonce. */
    extra = scratch(f), implicit = scratch(f);
    assert_int_equal(extrinsic_extras(&m, &t, &extra, &implicit), ERR_UNSUPPORTED);
}

static void test_extrinsic_that_a_runtime_accepted(void **state)
{
    struct fixture *f = *state;
    struct span bytes =
        json_hex(&f->arena, json_object_get(f->vectors, "signed_extrinsic_accepted"), "example");
    struct extrinsic x;
    assert_int_equal(extrinsic_decode(&f->old, bytes, &x), ERR_OK);
    assert_true(x.is_signed && !x.era.mortal);
    assert_int_equal(x.nonce, 0);
    struct wr w = scratch(f);
    assert_int_equal(extrinsic_assemble(&x.signer, &x.signature, x.extra, x.call, &w), ERR_OK);
    assert_span_equal(wr_done(&w), bytes);
    uint8_t copy[512];
    memcpy(copy, bytes.ptr, bytes.len);
    for (size_t len = 0; len < bytes.len; len++)
        assert_true(extrinsic_decode(&f->old, span_of(copy, len), &x) != ERR_OK);
    copy[2] = 0x85;
    assert_int_equal(extrinsic_decode(&f->old, span_of(copy, bytes.len), &x), ERR_UNSUPPORTED);
    struct span inherent = unhex(&f->arena, "0x280402000b48d020749701");
    assert_int_equal(extrinsic_decode(&f->old, inherent, &x), ERR_OK);
    assert_false(x.is_signed);
}

static void expect_key(struct fixture *f, const char *name, enum err e, const struct storage_key *k)
{
    const json_t *keys = json_object_get(f->vectors, "storage_keys");
    assert_int_equal(e, ERR_OK);
    assert_span_equal(storage_key_span(k), json_hex(&f->arena, keys, name));
}

static void test_storage_keys(void **state)
{
    struct fixture *f = *state;
    struct hotkey key = val0(f);
    struct storage_key k;
    static const struct {
        const char *name, *entry;
    } by_netuid[] = {
        {"SubnetworkN(2)", "SubnetworkN"},
        {"ValidatorPermit(2)", "ValidatorPermit"},
        {"LastUpdate(2)", "LastUpdate"},
        {"Tempo(2)", "Tempo"},
        {"LastEpochBlock(2)", "LastEpochBlock"},
        {"SubnetEpochIndex(2)", "SubnetEpochIndex"},
        {"BlocksSinceLastStep(2)", "BlocksSinceLastStep"},
        {"WeightsSetRateLimit(2)", "WeightsSetRateLimit"},
        {"WeightsVersionKey(2)", "WeightsVersionKey"},
        {"CommitRevealWeightsEnabled(2)", "CommitRevealWeightsEnabled"},
        {"RevealPeriodEpochs(2)", "RevealPeriodEpochs"},
    };
    for (size_t i = 0; i < COUNT_OF(by_netuid); i++)
        expect_key(f, by_netuid[i].name,
                   storage_key_u16(&f->new, "SubtensorModule", by_netuid[i].entry, 2, &k), &k);
    expect_key(f, "Keys(2,4)", storage_key_u16_u16(&f->old, "SubtensorModule", "Keys", 2, 4, &k),
               &k);
    expect_key(f, "Weights(2,0)",
               storage_key_u16_u16(&f->old, "SubtensorModule", "Weights", 2, 0, &k), &k);
    expect_key(f, "Uids(2,val0)",
               storage_key_u16_account(&f->old, "SubtensorModule", "Uids", 2, &key, &k), &k);
    expect_key(f, "Axons(2,val0)",
               storage_key_u16_account(&f->old, "SubtensorModule", "Axons", 2, &key, &k), &k);
    expect_key(f, "WeightCommits(2,val0)",
               storage_key_u16_account(&f->old, "SubtensorModule", "WeightCommits", 2, &key, &k),
               &k);
    expect_key(f, "Owner(val0)", storage_key_account(&f->old, "SubtensorModule", "Owner", &key, &k),
               &k);
    expect_key(f, "System.Account(val0)",
               storage_key_account(&f->old, "System", "Account", &key, &k), &k);
    expect_key(f, "System.Events", storage_key_plain(&f->old, "System", "Events", &k), &k);
    expect_key(f, "System.Number", storage_key_plain(&f->old, "System", "Number", &k), &k);
    struct span round = SPAN_LITERAL("\xe8\x03\x00\x00\x00\x00\x00\x00");
    expect_key(f, "Drand.Pulses(1000)", storage_key(&f->old, "Drand", "Pulses", &round, 1, &k), &k);
    struct span alpha[] = {hotkey_span(&key), SPAN_LITERAL("\x02\x00")};
    expect_key(f, "TotalHotkeyAlpha(val0,2)",
               storage_key(&f->old, "SubtensorModule", "TotalHotkeyAlpha", alpha, 2, &k), &k);
    assert_int_equal(storage_key_plain(&f->old, "System", "Nothing", &k), ERR_NOT_FOUND);
    assert_int_equal(storage_key_u16(&f->old, "System", "Number", 1, &k), ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_calls_the_runtime_has_not_got),
        cmocka_unit_test(test_commitments_have_the_size_that_was_given),
        cmocka_unit_test(test_commit_hashes),
        cmocka_unit_test(test_eras),
        cmocka_unit_test(test_a_signature_holds_on_one_chain_once),
        cmocka_unit_test(test_signing_payloads),
        cmocka_unit_test(test_long_payloads_are_signed_by_their_hash),
        cmocka_unit_test(test_unknown_extensions_are_not_signed),
        cmocka_unit_test(test_extrinsic_that_a_runtime_accepted),
        cmocka_unit_test(test_storage_keys),
    };
    return cmocka_run_group_tests_name("vectors", all, setup, teardown);
}
