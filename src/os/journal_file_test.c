#include "os/journal_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static const struct hash network = {{1}};
static char folder[64];

/* The linker puts these between the file and the system (meson.build). */
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
static uint32_t fsyncs, fdatasyncs;
static bool disk_fails;

int __wrap_fsync(int fd)
{
    fsyncs++;
    return disk_fails ? -1 : __real_fsync(fd);
}

int __wrap_fdatasync(int fd)
{
    fdatasyncs++;
    return disk_fails ? -1 : __real_fdatasync(fd);
}

struct heard {
    char text[1024];
    size_t len;
};

static void on_record(void *ctx, struct span record)
{
    struct heard *h = ctx;
    assert_true(h->len + record.len + 1 < sizeof h->text);
    memcpy(h->text + h->len, record.ptr, record.len);
    h->len += record.len;
    h->text[h->len] = '\0';
}

static struct journal_file *reopen(const char *want, enum err expected)
{
    struct journal_file *j = NULL;
    struct heard h = {0};
    bool is_new;
    const char *why;
    assert_int_equal(
        journal_file_open(&j, folder, "journal", &network, on_record, &h, &is_new, &why), expected);
    if (expected == ERR_OK)
        assert_string_equal(h.text, want);
    else
        assert_non_null(why);
    return j;
}

static void append(struct journal_file *j, const char *text)
{
    assert_int_equal(journal_file_append(j, span_of(text, strlen(text))), ERR_OK);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/platform-journal-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    for (int g = 1; g < 9; g++) {
        char path[128];
        snprintf(path, sizeof path, "%s/journal.%06d", folder, g);
        unlink(path);
    }
    return rmdir(folder);
}

static int open_file(int generation)
{
    char path[128];
    snprintf(path, sizeof path, "%s/journal.%06d", folder, generation);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

static void test_flushed_records_come_back(void **state)
{
    (void)state;
    struct journal_file *j = reopen("", ERR_OK);
    append(j, "a");
    append(j, "b");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    append(j, "c");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    append(j, "never flushed");
    journal_file_close(j);
    j = reopen("abc", ERR_OK);
    append(j, "d");
    assert_int_equal(journal_file_rotate(j), ERR_OK);
    append(j, "e");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    journal_file_close(j);
    j = reopen("abcde", ERR_OK);
    journal_file_drop_old(j);
    journal_file_close(j);
    j = reopen("e", ERR_OK);
    journal_file_close(j);
}

static void test_a_torn_tail_is_cut_and_written_over(void **state)
{
    (void)state;
    struct journal_file *j = reopen("", ERR_OK);
    append(j, "a");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    append(j, "bb");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    uint64_t size = journal_file_size(j);
    journal_file_close(j);
    int fd = open_file(1);
    assert_int_equal(ftruncate(fd, (off_t)size - 1), 0);
    close(fd);
    j = reopen("a", ERR_OK);
    struct stat st;
    fd = open_file(1);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, journal_file_size(j));
    close(fd);
    append(j, "c");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    journal_file_close(j);
    j = reopen("ac", ERR_OK);
    journal_file_close(j);
}

static off_t size_of_file(int generation)
{
    struct stat st;
    int fd = open_file(generation);
    assert_int_equal(fstat(fd, &st), 0);
    close(fd);
    return st.st_size;
}

static void test_damage_and_gaps_are_refused(void **state)
{
    (void)state;
    struct journal_file *j = reopen("", ERR_OK);
    append(j, "a");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    append(j, "b");
    assert_int_equal(journal_file_rotate(j), ERR_OK);
    append(j, "c");
    assert_int_equal(journal_file_rotate(j), ERR_OK);
    journal_file_close(j);
    int fd = open_file(1);
    assert_int_equal(pwrite(fd, "X", 1, JOURNAL_HEADER_SIZE + JOURNAL_FRAME_HEAD + 4), 1);
    close(fd);
    reopen("", ERR_CORRUPT);
    fd = open_file(1);
    assert_int_equal(pwrite(fd, "a", 1, JOURNAL_HEADER_SIZE + JOURNAL_FRAME_HEAD + 4), 1);
    close(fd);
    j = reopen("abc", ERR_OK);
    journal_file_close(j);
    /* Only the newest file may end in the middle of something. */
    char path[128], other[128];
    off_t size = size_of_file(1);
    fd = open_file(1);
    assert_int_equal(ftruncate(fd, size - 1), 0);
    reopen("", ERR_CORRUPT);
    assert_int_equal(size_of_file(1), size - 1); /* It is left as it is. */
    assert_int_equal(pwrite(fd, "b", 1, size - 1), 1);
    close(fd);
    j = reopen("abc", ERR_OK);
    journal_file_close(j);
    snprintf(path, sizeof path, "%s/journal.000002", folder);
    unlink(path);
    reopen("", ERR_CORRUPT);
    /* A file in the place of another. */
    snprintf(other, sizeof other, "%s/journal.000001", folder);
    assert_int_equal(rename(other, path), 0);
    reopen("", ERR_CORRUPT);
}

/* The file's end moves once in a while and not with each flush; what stands ahead
 * of it is nobody's record, and goes when the file is done. */
static void test_room_is_written_ahead(void **state)
{
    (void)state;
    struct journal_file *j = reopen("", ERR_OK);
    append(j, "a");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    off_t size = size_of_file(1);
    assert_true(size > (off_t)journal_file_size(j));
    append(j, "b");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    assert_int_equal(size_of_file(1), size);
    journal_file_close(j);
    j = reopen("ab", ERR_OK);
    assert_int_equal(size_of_file(1), journal_file_size(j));

    static char large[1 << 20];
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(journal_file_append(j, span_of(large, sizeof large)), ERR_OK);
        assert_int_equal(journal_file_flush(j), ERR_OK);
        assert_true(size_of_file(1) > (off_t)journal_file_size(j));
    }
    size = (off_t)journal_file_size(j);
    assert_int_equal(journal_file_rotate(j), ERR_OK);
    assert_int_equal(size_of_file(1), size);
    append(j, "c");
    assert_int_equal(journal_file_flush(j), ERR_OK);
    journal_file_drop_old(j);
    journal_file_close(j);
    j = reopen("c", ERR_OK);
    journal_file_close(j);
}

/* Durable means that the disk has said so, and a disk that refused once is not
 * believed again: what it lost nobody knows. */
static void test_durable_is_what_the_disk_confirmed(void **state)
{
    (void)state;
    fsyncs = fdatasyncs = 0;
    struct journal_file *j = reopen("", ERR_OK);
    assert_int_equal(fsyncs, 2); /* the header, and the file's name in its folder */
    append(j, "a");
    assert_int_equal(fdatasyncs, 0);
    assert_int_equal(journal_file_flush(j), ERR_OK);
    assert_int_equal(fdatasyncs, 1);
    assert_int_equal(journal_file_flush(j), ERR_OK); /* nothing to do */
    assert_int_equal(fdatasyncs, 1);
    assert_int_equal(journal_file_rotate(j), ERR_OK);
    assert_int_equal(fsyncs, 5); /* and the old file's end */
    append(j, "b");
    disk_fails = true;
    assert_int_equal(journal_file_flush(j), ERR_IO);
    disk_fails = false;
    assert_int_equal(journal_file_flush(j), ERR_IO);
    journal_file_close(j);
    j = reopen("a", ERR_OK);
    journal_file_close(j);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(test_flushed_records_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_torn_tail_is_cut_and_written_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_damage_and_gaps_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room_is_written_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_durable_is_what_the_disk_confirmed, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("journal_file", all, NULL, NULL);
}
