// The threads of C11, which librdkafka uses, by their POSIX names: glibc's are the same ones, but call each other
// past the linker, and so past who looks at threads or moves clocks by taking the place of the POSIX functions.
//
// - ThreadSanitizer does not see such a thread begin and crashes in the first of our functions that runs on it; it
//   does not see such a mutex locked either. Linked into the conformance tests where they are built with it.
// - libfaketime moves the clock that a timed wait is given its end by, and not the wait, which then lasts as much
//   longer as the clock was moved. Preloaded into processes whose clock jumps (tests/scenarios/clocks.py).
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct Start {
  thrd_start_t function;
  void* argument;
};

static void* run(void* raw) {
  const struct Start start = *(struct Start*)raw;
  free(raw);
  return (void*)(intptr_t)start.function(start.argument);
}

static int answer(int error) {
  switch (error) {
    case 0: return thrd_success;
    case ETIMEDOUT: return thrd_timedout;
    case EBUSY: return thrd_busy;
    case ENOMEM: return thrd_nomem;
    default: return thrd_error;
  }
}

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  struct Start* start = malloc(sizeof *start);
  if (start == NULL) return thrd_nomem;
  start->function = function;
  start->argument = argument;
  const int error = pthread_create((pthread_t*)thread, NULL, run, start);
  if (error != 0) free(start);
  return answer(error);
}

int thrd_join(thrd_t thread, int* result) {
  void* ended = NULL;
  const int error = pthread_join((pthread_t)thread, &ended);
  if (error == 0 && result != NULL) *result = (int)(intptr_t)ended;
  return answer(error);
}

int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if ((type & mtx_recursive) != 0) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  const int error = pthread_mutex_init((pthread_mutex_t*)mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return answer(error);
}
int mtx_lock(mtx_t* mutex) { return answer(pthread_mutex_lock((pthread_mutex_t*)mutex)); }
int mtx_unlock(mtx_t* mutex) { return answer(pthread_mutex_unlock((pthread_mutex_t*)mutex)); }
void mtx_destroy(mtx_t* mutex) { pthread_mutex_destroy((pthread_mutex_t*)mutex); }

int cnd_init(cnd_t* condition) { return answer(pthread_cond_init((pthread_cond_t*)condition, NULL)); }
int cnd_signal(cnd_t* condition) { return answer(pthread_cond_signal((pthread_cond_t*)condition)); }
int cnd_broadcast(cnd_t* condition) { return answer(pthread_cond_broadcast((pthread_cond_t*)condition)); }
int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return answer(pthread_cond_wait((pthread_cond_t*)condition, (pthread_mutex_t*)mutex));
}
int cnd_timedwait(cnd_t* restrict condition, mtx_t* restrict mutex, const struct timespec* restrict end) {
  return answer(pthread_cond_timedwait((pthread_cond_t*)condition, (pthread_mutex_t*)mutex, end));
}
void cnd_destroy(cnd_t* condition) { pthread_cond_destroy((pthread_cond_t*)condition); }
