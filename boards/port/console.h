// Starts standard input and output on the serial line. irq_init() comes first.
void console_init(void);
