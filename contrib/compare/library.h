// Opens one of llama.cpp's shared libraries, whatever number its name ends with.
#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>

static void *library(const char *folder, const char *name) {
  char pattern[4096];
  snprintf(pattern, sizeof pattern, "%s/%s", folder, name);
  glob_t found;
  if (glob(pattern, 0, NULL, &found)) return NULL;
  void *handle = dlopen(found.gl_pathv[0], RTLD_NOW | RTLD_GLOBAL);
  if (!handle) fprintf(stderr, "%s\n", dlerror());
  globfree(&found);
  return handle;
}
