// The speed of libllama: speed FOLDER BUILD MODEL THREADS [OUT TYPE]
//
// FOLDER holds the libraries, which are loaded at run time; BUILD names the one for an instruction set, `-` a folder that
// has one for all. With CARD in the environment all layers are on the card that the folder's library for Vulkan finds.
// Reads lines `prefill COUNT` and `generate PAST COUNT`, and answers each with the seconds that it took by the clock and on
// processors. The first line that it writes says what it runs. With OUT, it writes the model there as a file of TYPE
// (llama_ftype) and ends. The headers are those of the package that the libraries are compared with.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "library.h"
#include "llama.h"

#define POSITIONS 4096

static void *libraries[4];

static void *symbol(const char *name) {
  for (int at = 0; at < 4; at++) {
    void *found = libraries[at] ? dlsym(libraries[at], name) : NULL;
    if (found) return found;
  }
  fprintf(stderr, "the libraries have no %s\n", name);
  exit(1);
}

// A function of the header, looked up at run time.
#define CALL(name) ((__typeof__(&name))symbol(#name))

static void quiet(enum ggml_log_level level, const char *text, void *data) {
  (void)level, (void)data;
  if (getenv("LOUD")) fputs(text, stderr);
}

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

static struct llama_context *context;
static int32_t tokens[POSITIONS];

static void take(int from, int count) {
  if (CALL(llama_decode)(context, CALL(llama_batch_get_one)(tokens + from, count))) exit(1);
  // Waits until they are there.
  CALL(llama_get_logits_ith)(context, -1);
}

static void answer(const char *line) {
  int past = 0, count = 0;
  llama_memory_t memory = CALL(llama_get_memory)(context);
  int prefill = sscanf(line, "prefill %d", &count) == 1;
  if (!prefill && sscanf(line, "generate %d %d", &past, &count) != 2) exit(2);
  CALL(llama_memory_clear)(memory, true);
  for (int from = 0; from < past; from += 512) take(from, past - from < 512 ? past - from : 512);
  double clock = seconds(CLOCK_MONOTONIC), processors = seconds(CLOCK_PROCESS_CPUTIME_ID);
  if (prefill) {
    for (int from = 0; from < count; from += 512) take(from, count - from < 512 ? count - from : 512);
  } else {
    for (int at = 0; at < count; at++) take(past + at, 1);
  }
  printf("%.6f %.6f\n", seconds(CLOCK_MONOTONIC) - clock, seconds(CLOCK_PROCESS_CPUTIME_ID) - processors);
  fflush(stdout);
}

static int requantize(const char *model, const char *out, int type) {
  struct llama_model_quantize_params given = CALL(llama_model_quantize_default_params)();
  given.nthread = 1;
  given.ftype = type;
  given.allow_requantize = given.pure = true;
  return CALL(llama_model_quantize)(model, out, &given) != 0;
}

int main(int count, char **arguments) {
  if (count != 5 && count != 7) return fputs("speed FOLDER BUILD MODEL THREADS [OUT TYPE]\n", stderr), 2;
  const char *folder = arguments[1], *build = arguments[2], *path = arguments[3];
  int threads = atoi(arguments[4]), one = !strcmp(build, "-");
  char name[256], whole[4096];
  libraries[0] = library(folder, "libggml-base.so*");
  snprintf(name, sizeof name, one ? "libggml-cpu.so" : "libggml-cpu-%s.so", build);
  if (one) libraries[3] = library(folder, name);
  libraries[1] = library(folder, one ? "libggml.so" : "libggml.*v*.so");
  libraries[2] = library(folder, one ? "libllama.so" : "libllama.*v*.so");
  if (!libraries[2]) return fputs("there is no libllama\n", stderr), 1;
  CALL(llama_log_set)(quiet, NULL);
  CALL(llama_backend_init)();
  snprintf(whole, sizeof whole, "%s/%s", folder, name);
  if (!one && !CALL(ggml_backend_load)(whole)) return fprintf(stderr, "no %s\n", whole), 1;
  struct llama_model_params wanted = CALL(llama_model_default_params)();
  if (getenv("CARD")) {
    snprintf(whole, sizeof whole, "%s/libggml-vulkan.so", folder);
    if (!CALL(ggml_backend_load)(whole)) return fprintf(stderr, "no %s\n", whole), 1;
    wanted.n_gpu_layers = 999;
  }
  if (count == 7) return requantize(path, arguments[5], atoi(arguments[6]));
  struct llama_model *model = CALL(llama_model_load_from_file)(path, wanted);
  if (!model) return fputs("the model is not read\n", stderr), 1;
  struct llama_context_params given = CALL(llama_context_default_params)();
  // Another layout of the struct would show here.
  if (given.n_ctx != 512 || given.n_batch != 2048 || given.n_ubatch != 512 || given.n_threads != 4) {
    return fputs("the headers are not those of this library\n", stderr), 1;
  }
  given.n_ctx = 2304;
  given.n_threads = given.n_threads_batch = threads;
  context = CALL(llama_init_from_model)(model, given);
  if (!context) return fputs("there is no context\n", stderr), 1;
  int32_t vocabulary = CALL(llama_vocab_n_tokens)(CALL(llama_model_get_vocab)(model));
  int32_t bound = vocabulary < 49000 ? vocabulary : 49000;
  for (int at = 0; at < POSITIONS; at++) tokens[at] = (int32_t)(((uint32_t)at * 7919u + 13u) % (uint32_t)bound);
  printf("commit %s, %s\n", CALL(ggml_commit)(), CALL(llama_print_system_info)());
  fflush(stdout);
  char line[256];
  while (fgets(line, sizeof line, stdin)) answer(line);
  return 0;
}
