/* fault - what faults.c tells preload.c, in a file that both map. */
struct fault {
    char verb[16];          /* of the processes that it is about: daemon, hold */
    int left;               /* the call that fails, counted down; 0: none */
    int error;              /* 0: the process is killed before the call */
    char name[16];          /* of the call that failed */
};
