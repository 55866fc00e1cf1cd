/* The context switch for x86-64, System V calling convention. A saved context: rbp rbx r12 r13 r14 r15, then where to
 * go on. The jump is indirect and not a `ret`, whose prediction would always be wrong here. */
    .text
    .globl qp_context_switch
    .hidden qp_context_switch
    .type qp_context_switch, @function
    .p2align 4
qp_context_switch:
    .cfi_startproc
    endbr64
    popq %rdx
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdx
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %rdx
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    jmpq *%rdx
    .cfi_endproc
    .size qp_context_switch, . - qp_context_switch

/* The first thing that runs on a new stack: entry in r12, its argument in r13. Nothing to return to: unwinding ends. */
    .globl qp_context_start
    .hidden qp_context_start
    .type qp_context_start, @function
    .p2align 4
qp_context_start:
    .cfi_startproc
    .cfi_undefined %rip
    endbr64
    movq %r13, %rdi
    callq *%r12
    ud2
    .cfi_endproc
    .size qp_context_start, . - qp_context_start

    .section .note.GNU-stack,"",@progbits
