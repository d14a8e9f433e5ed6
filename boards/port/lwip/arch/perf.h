// lwIP includes this; there is nothing to measure with.

#define PERF_START
#define PERF_STOP(name)
