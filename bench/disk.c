/* disk: what one fdatasync costs here, so that the other figures can be read:
 * a record of 512 bytes appended to a file in the current folder, and synced. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 300, RECORD_SIZE = 512 };

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(void)
{
    static uint64_t us[RUNS];
    char record[RECORD_SIZE];
    const char *name = "bench_disk.tmp";
    int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    memset(record, 'x', sizeof record);
    if (fd < 0) {
        perror(name);
        return 1;
    }
    for (int i = 0; i < RUNS; i++) {
        uint64_t start = now_us();
        if (write(fd, record, sizeof record) != (ssize_t)sizeof record || fdatasync(fd) != 0) {
            perror(name);
            return 1;
        }
        us[i] = now_us() - start;
    }
    close(fd);
    unlink(name);
    qsort(us, RUNS, sizeof us[0], by_size);
    printf("fdatasync p50 %llu us\n", (unsigned long long)us[RUNS / 2]);
    printf("fdatasync p99 %llu us\n", (unsigned long long)us[RUNS * 99 / 100]);
    return 0;
}
