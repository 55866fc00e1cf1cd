/* The context switch for AArch64, AAPCS64. A saved context: x19 to x30, d8 to d15. */
    .text
    .globl qp_context_switch
    .hidden qp_context_switch
    .type qp_context_switch, %function
    .p2align 4
qp_context_switch:
    .cfi_startproc
    hint #34
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    mov x9, x30
    br x9
    .cfi_endproc
    .size qp_context_switch, . - qp_context_switch

/* The first thing that runs on a new stack: entry in x19, its argument in x20. Nothing to return to: unwinding ends. */
    .globl qp_context_start
    .hidden qp_context_start
    .type qp_context_start, %function
    .p2align 4
qp_context_start:
    .cfi_startproc
    .cfi_undefined x30
    hint #36
    mov x0, x20
    blr x19
    brk #1
    .cfi_endproc
    .size qp_context_start, . - qp_context_start

    .section .note.GNU-stack,"",%progbits
