// Starts standard input and output on the serial line. irq_init() comes first.
void console_init(void);

// Makes `c` what is read next; interrupts are masked.
void console_put_back(int c);
