// For processes whose clock is moved by libfaketime: it moves the clock that C11's timed wait is given its end
// by, and not the wait itself, which then lasts as much longer as the clock was moved (librdkafka waits so). The
// same wait by its POSIX name is moved; glibc's types are one.
#include <errno.h>
#include <pthread.h>
#include <threads.h>

int cnd_timedwait(cnd_t* restrict condition, mtx_t* restrict mutex, const struct timespec* restrict end) {
  switch (pthread_cond_timedwait((pthread_cond_t*)condition, (pthread_mutex_t*)mutex, end)) {
    case 0: return thrd_success;
    case ETIMEDOUT: return thrd_timedout;
    default: return thrd_error;
  }
}
