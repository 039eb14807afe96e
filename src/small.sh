#!/bin/sh
# Prints the flags that make the program small, as far as the compiler knows them: src/small.sh
# COMPILER…. gcc 12 makes 611,000 bytes with them and 743,000 with -Os alone. TELEC_FAST in base.h
# undoes those that cost time.
flags=
for flag in -Os -Oz -malign-data=abi -fno-tree-sra -fno-inline-functions-called-once -fno-ipa-sra \
    -fno-inline-functions -fno-tree-forwprop -fno-tree-tail-merge -fno-ipa-modref \
    -fno-partial-inlining -fno-expensive-optimizations -fno-thread-jumps -fno-caller-saves \
    -fno-tree-loop-im -fno-move-loop-invariants -fno-guess-branch-probability -fno-tree-fre \
    -fno-tree-pre -fno-early-inlining -fno-ssa-phiopt -fno-forward-propagate -fno-if-conversion \
    -fno-shrink-wrap -fno-tree-ch -fno-tree-dominator-opts -fno-jump-tables -ffunction-sections \
    -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables; do
    "$@" -Werror "$flag" -x c -S -o - /dev/null > /dev/null 2>&1 && flags="$flags $flag"
done
echo "$flags"
