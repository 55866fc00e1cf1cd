// The work of bench/*.c, written for Go:
//
//	quipu-bench-go [--runs N] [NAME...]
//
// Prints "name<TAB>median<TAB>minimum" in the units of quipu-bench. A NAME that is the whole name of a benchmark means
// that one, any other all whose names hold it.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A benchmark does its operation `count` times; a figure measures once, by itself. One that is alone is taken once, in a
// process of its own.
type benchmark struct {
	name  string
	run   func(count int)
	take  func() float64
	alone bool
}

type frame struct {
	names []string
	runs  int
}

func stop(what string) {
	fmt.Fprintln(os.Stderr, "quipu-bench-go:", what)
	os.Exit(2)
}

func fromArguments(arguments []string) frame {
	self := frame{runs: 11}
	for i := 0; i < len(arguments); i++ {
		if arguments[i] != "--runs" {
			self.names = append(self.names, arguments[i])
			continue
		}
		if i++; i == len(arguments) {
			stop("--runs needs a number above 0")
		}
		runs, err := strconv.Atoi(arguments[i])
		if err != nil || runs < 1 {
			stop("--runs needs a number above 0")
		}
		self.runs = runs
	}
	return self
}

func isName(text string) bool {
	for _, one := range benchmarks {
		if one.name == text {
			return true
		}
	}
	return false
}

func (self frame) wanted(name string) bool {
	for _, want := range self.names {
		if isName(want) && name == want || !isName(want) && strings.Contains(name, want) {
			return true
		}
	}
	return len(self.names) == 0
}

func timed(one benchmark, count int) float64 {
	start := time.Now()
	one.run(count)
	return float64(time.Since(start).Nanoseconds())
}

func (self frame) measure(one benchmark) []float64 {
	each := make([]float64, self.runs)
	count := 1
	for timed(one, count) < 1e8 {
		count *= 2
	}
	for i := range each {
		runtime.GC()
		each[i] = timed(one, count) / float64(count)
	}
	return each
}

func (self frame) take(one benchmark) []float64 {
	each := make([]float64, self.runs)
	one.take()
	for i := range each {
		runtime.GC()
		each[i] = one.take()
	}
	return each
}

func takeAlone(name string) {
	path, err := os.Executable()
	if err != nil {
		stop(err.Error())
	}
	command := exec.Command(path, name)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		stop(err.Error())
	}
}

func show(name string, each []float64) {
	sort.Float64s(each)
	fmt.Printf("%s\t%.1f\t%.1f\n", name, each[len(each)/2], each[0])
}

func main() {
	self := fromArguments(os.Args[1:])
	for _, one := range benchmarks {
		switch {
		case !self.wanted(one.name):
		case one.run != nil:
			show(one.name, self.measure(one))
		case !one.alone:
			show(one.name, self.take(one))
		case len(self.names) == 1 && self.names[0] == one.name:
			show(one.name, []float64{one.take()})
		default:
			takeAlone(one.name)
		}
	}
}
