module quipu-bench-go

go 1.21
