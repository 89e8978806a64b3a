#include "base/test.h"
#include "p2p/p2p_net_test.h"

static struct net *open_net(int hosts)
{
    struct net *n = calloc(1, sizeof *n);
    n->now_ms = 1000;
    for (int i = 0; i < hosts; i++) {
        struct p2p_config c = net_config(i);
        (void)net_add(n, &c);
    }
    return n;
}

static void close_net(struct net *n)
{
    net_close(n);
    free(n);
}

static const struct peer_id *id_of(const struct net *n, int host)
{
    return p2p_self(n->hosts[host].p);
}

static void test_two_hosts_meet(void **state)
{
    (void)state;
    struct net *n = open_net(2);
    net_connect(n, 0, 1);
    for (int i = 0; i < 2; i++) {
        struct p2p_peer_info info;
        assert_int_equal(n->hosts[i].ups, 1);
        assert_true(p2p_peer(n->hosts[i].p, 0, &info));
        assert_true(peer_id_equal(&info.id, id_of(n, 1 - i)));
        assert_string_equal(info.agent, "platform/test");
        assert_int_equal(info.inbound, i == 1);
        assert_int_equal(info.ping_us, 1000);
        assert_false(p2p_peer(n->hosts[i].p, 1, &info));
        assert_int_equal(p2p_counters(n->hosts[i].p)->handshakes, 1);
    }
    close_net(n);
}

static void test_frames_arrive_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4, 4095, 70000, 300000, P2P_FRAME_MAX};
    static uint8_t frame[P2P_FRAME_MAX + 1];
    struct net *n = open_net(2);
    net_connect(n, 0, 1);
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 31 >> 3);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int from = 0; from < 2; from++) {
            enum p2p_protocol protocol = i % 2 ? P2P_BFT : P2P_BLOB;
            struct net_host *to = &n->hosts[1 - from];
            assert_int_equal(p2p_send(n->hosts[from].p, id_of(n, 1 - from), protocol,
                                      span_of(frame, sizes[i]), n->now_ms),
                             ERR_OK);
            net_run(n);
            assert_int_equal(to->frames, i + 1);
            assert_int_equal(to->frame_protocol, protocol);
            assert_int_equal(to->frame_len, sizes[i]);
            assert_memory_equal(to->frame, frame, sizes[i]);
            assert_true(peer_id_equal(&to->from, id_of(n, from)));
        }
    struct p2p *p = n->hosts[0].p;
    assert_int_equal(p2p_send(p, id_of(n, 1), P2P_BFT, span_of(frame, sizeof frame), n->now_ms),
                     ERR_TOO_BIG);
    assert_int_equal(p2p_send(p, id_of(n, 0), P2P_BFT, span_of(frame, 1), n->now_ms),
                     ERR_NOT_FOUND);
    close_net(n);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_two_hosts_meet),
        cmocka_unit_test(test_frames_arrive_whole),
    };
    return cmocka_run_group_tests_name("p2p", all, NULL, NULL);
}
