// The values of machine.reset_cause().
enum {
    MACHINE_PWRON_RESET,
    MACHINE_SOFT_RESET,
};

extern int machine_reset_cause_value;
