// Calls what sys.atexit() was given, once, when a program has ended.
void at_exit(void);
