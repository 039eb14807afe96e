/* fault - what faults.c tells preload.c, in a file that both map. */
struct fault {
    char verb[16];          /* of the processes that it is about: daemon, hold; "": all */
    int left;               /* the call that fails, counted down; 0: none */
    int error;              /* 0: the process is killed before the call */
    char name[16];          /* of the call that failed */
    int slow_ms;            /* each call for a file below `home` takes this long, until it is 0 */
    int stale;              /* … fails: also later, for a file that was opened before */
    char home[200];
    int no_locks;           /* errno of every lock; 0: they work */
};
