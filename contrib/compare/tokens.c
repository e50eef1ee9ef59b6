// The tokens that libllama gives texts: tokens FOLDER VOCABULARY.gguf TEXTS SPECIAL
//
// FOLDER holds the libraries, which are loaded at run time; TEXTS is a file of texts with a zero byte behind each. Prints
// a line of tokens for each text, without what a text begins and ends with; SPECIAL is 1 where control tokens are sought.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

// The library's own struct is opaque here: it is handed back as it was given, with one flag changed.
typedef struct {
  uint8_t bytes[512];
} parameters;

static void quiet(int level, const char *text, void *data) {
  (void)level, (void)data;
  if (getenv("LOUD")) fputs(text, stderr);
}

int main(int count, char **arguments) {
  if (count != 5) return fputs("tokens FOLDER VOCABULARY.gguf TEXTS SPECIAL\n", stderr), 2;
  library(arguments[1], "libggml-base.so*");
  library(arguments[1], "libggml.*so*");
  void *llama = library(arguments[1], "libllama.*so*");
  if (!llama) return fputs("there is no libllama\n", stderr), 1;
  ((void (*)(void *, void *))dlsym(llama, "llama_log_set"))(quiet, NULL);
  ((void (*)(void))dlsym(llama, "llama_backend_init"))();
  parameters given = ((parameters(*)(void))dlsym(llama, "llama_model_default_params"))();
  // Flags stand behind the pointers, all of which are null: false for `vocab_only` and `check_tensors`, then a true one.
  int flag = 48;
  while (flag < 120 && given.bytes[flag] == 0) flag++;
  given.bytes[flag - 2] = 1;
  void *model = ((void *(*)(const char *, parameters))dlsym(llama, "llama_model_load_from_file"))(arguments[2], given);
  if (!model) return fputs("the vocabulary is not read\n", stderr), 1;
  const void *vocabulary = ((void *(*)(void *))dlsym(llama, "llama_model_get_vocab"))(model);
  int32_t (*tokenize)(const void *, const char *, int32_t, int32_t *, int32_t, bool, bool) = dlsym(llama, "llama_tokenize");

  FILE *file = fopen(arguments[3], "rb");
  if (!file) return perror(arguments[3]), 1;
  char *text = NULL;
  size_t room = 0;
  ssize_t length;
  int32_t *tokens = NULL;
  while ((length = getdelim(&text, &room, 0, file)) > 0) {
    length--;  // the zero
    tokens = realloc(tokens, (length + 8) * 4 * sizeof *tokens);
    int32_t found = tokenize(vocabulary, text, length, tokens, (length + 8) * 4, false, atoi(arguments[4]));
    for (int32_t at = 0; at < found; at++) printf(at ? " %d" : "%d", tokens[at]);
    puts("");
  }
  return 0;
}
