/*
 * The first thing that runs on a new stack, for x86-64: the two words that lie there are the argument and the entry.
 * It is jumped to and not called, as all that stands between two stacks is: so each return is one that the processor
 * has seen the call of. Nothing to return to: unwinding ends.
 */
    .text
    .globl qp_context_start
    .hidden qp_context_start
    .type qp_context_start, @function
    .p2align 4
qp_context_start:
    .cfi_startproc
    .cfi_undefined %rip
    endbr64
    popq %rdi
    popq %rax
    leaq 1f(%rip), %rcx
    pushq %rcx
    jmpq *%rax
1:
    ud2
    .cfi_endproc
    .size qp_context_start, . - qp_context_start

    .section .note.GNU-stack,"",@progbits
