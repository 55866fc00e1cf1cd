package main

import (
	"context"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	crowd       = 1000
	many        = 100000
	abortRounds = 100
	others      = 10000
	registered  = 1000000
)

// The names are those of quipu-bench. What Go has no word for (unbounded channels, a task that wakes itself, work off
// the scheduler) is not here.
var benchmarks = []benchmark{
	{name: "yield, 1 task", run: yields},
	{name: "yield, 1,000 tasks", run: func(count int) {
		each := share(count, crowd)
		together(crowd, func() { yields(each) })
	}},
	{name: "spawn and join", run: spawnJoin},
	{name: "spawn, park, abort, join", run: spawnParkAbort},
	{name: "100,000 tasks", take: func() float64 { return spawnMany(func() {}) }},
	{name: "100,000 tasks that wait", take: func() float64 { return spawnMany(runtime.Gosched) }},
	{name: "abort of a parked task", take: abortCrowds},
	{name: "channel of 1", run: func(count int) { stream(count, 1, 1) }},
	{name: "channel of 32", run: func(count int) { stream(count, 32, 1) }},
	{name: "channel of 1,024", run: func(count int) { stream(count, 1024, 1) }},
	{name: "channel of 1,024, 4 producers", run: func(count int) { stream(count, 1024, 4) }},
	{name: "request and response", run: ask},
	{name: "mutex, uncontended", run: lockOften},
	{name: "mutex, 8 tasks across a yield", run: eightLock},
	{name: "rwlock, read", run: readOften},
	{name: "semaphore, uncontended", run: acquireOften},
	{name: "semaphore, 8 tasks on 2 permits", run: eightAcquire},
	{name: "barrier of 8", run: eightMeet},
	{name: "timeout around what is ready", run: timeOutReady},
	{name: "timeout around one suspension", run: timeOutSuspension},
	{name: "timer registered and dropped", take: func() float64 { return timerBeside(0) }},
	{name: "timer registered and dropped, 10,000 live", take: func() float64 { return timerBeside(others) }},
	{name: "100,000 sleepers", take: sleepers},
	{name: "memory of 100,000 parked tasks", take: func() float64 { return parked(100000) }, alone: true},
	{name: "memory of 1,000,000 parked tasks", take: func() float64 { return parked(1000000) }, alone: true},
}

func share(count, tasks int) int {
	return (count + tasks - 1) / tasks
}

func together(tasks int, run func()) {
	var all sync.WaitGroup
	all.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			defer all.Done()
			run()
		}()
	}
	all.Wait()
}

// ---- tasks ----

func yields(count int) {
	for i := 0; i < count; i++ {
		runtime.Gosched()
	}
}

// A goroutine is joined by the channel that it closes at its end.
func spawnJoin(count int) {
	for i := 0; i < count; i++ {
		done := make(chan struct{})
		go func() { close(done) }()
		<-done
	}
}

func spawnMany(run func()) float64 {
	start := time.Now()
	together(many, run)
	return float64(time.Since(start).Nanoseconds()) / many
}

func park(ctx context.Context, done chan<- struct{}) {
	<-ctx.Done()
	close(done)
}

func spawnParkAbort(count int) {
	for i := 0; i < count; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go park(ctx, done)
		runtime.Gosched()
		cancel()
		<-done
	}
}

func abortCrowd() time.Duration {
	cancels := make([]context.CancelFunc, crowd)
	dones := make([]chan struct{}, crowd)
	for i := range cancels {
		var ctx context.Context
		ctx, cancels[i] = context.WithCancel(context.Background())
		dones[i] = make(chan struct{})
		go park(ctx, dones[i])
	}
	runtime.Gosched()
	start := time.Now()
	for i := range cancels {
		cancels[i]()
		<-dones[i]
	}
	return time.Since(start)
}

func abortCrowds() float64 {
	var spent time.Duration
	for i := 0; i < abortRounds; i++ {
		spent += abortCrowd()
	}
	return float64(spent.Nanoseconds()) / (crowd * abortRounds)
}

// ---- channels ----

func stream(count, capacity, producers int) {
	each := share(count, producers)
	messages := make(chan int32, capacity)
	var sending sync.WaitGroup
	sending.Add(producers)
	for i := 0; i < producers; i++ {
		go func() {
			defer sending.Done()
			for j := 0; j < each; j++ {
				messages <- int32(j)
			}
		}()
	}
	go func() {
		sending.Wait()
		close(messages)
	}()
	for range messages {
	}
}

type request struct {
	question int32
	reply    chan<- int32
}

func ask(count int) {
	requests := make(chan request, 1)
	go func() {
		for one := range requests {
			one.reply <- one.question + 1
		}
	}()
	for i := 0; i < count; i++ {
		question := int32(i & 0xffff)
		reply := make(chan int32, 1)
		requests <- request{question, reply}
		if <-reply != question+1 {
			stop("a wrong answer")
		}
	}
	close(requests)
}

// ---- sync ----

func lockOften(count int) {
	var mutex sync.Mutex
	for i := 0; i < count; i++ {
		mutex.Lock()
		mutex.Unlock()
	}
}

func eightLock(count int) {
	var mutex sync.Mutex
	each := share(count, 8)
	together(8, func() {
		for i := 0; i < each; i++ {
			mutex.Lock()
			runtime.Gosched()
			mutex.Unlock()
		}
	})
}

func readOften(count int) {
	var lock sync.RWMutex
	for i := 0; i < count; i++ {
		lock.RLock()
		lock.RUnlock()
	}
}

func acquireOften(count int) {
	permits := make(chan struct{}, 2)
	for i := 0; i < count; i++ {
		permits <- struct{}{}
		<-permits
	}
}

func eightAcquire(count int) {
	permits := make(chan struct{}, 2)
	each := share(count, 8)
	together(8, func() {
		for i := 0; i < each; i++ {
			permits <- struct{}{}
			runtime.Gosched()
			<-permits
		}
	})
}

// A barrier as it is usually written: a mutex, a condition, and the number of the generation.
type barrier struct {
	mutex      sync.Mutex
	all        sync.Cond
	arrived    int
	generation int
}

func (self *barrier) wait(tasks int) {
	self.mutex.Lock()
	defer self.mutex.Unlock()
	generation := self.generation
	if self.arrived++; self.arrived == tasks {
		self.arrived = 0
		self.generation++
		self.all.Broadcast()
		return
	}
	for generation == self.generation {
		self.all.Wait()
	}
}

func eightMeet(count int) {
	var meeting barrier
	meeting.all.L = &meeting.mutex
	together(8, func() {
		for i := 0; i < count; i++ {
			meeting.wait(8)
		}
	})
}

// ---- time ----

// One timer for all the waits, reset before each: what the standard library's authors advise where it matters.
func timeOutReady(count int) {
	ready := make(chan int, 1)
	timer := time.NewTimer(time.Second)
	for i := 0; i < count; i++ {
		ready <- i
		timer.Reset(time.Second)
		select {
		case <-ready:
		case <-timer.C:
			stop("a timer fired before its time")
		}
		timer.Stop()
	}
}

func timeOutSuspension(count int) {
	handed := make(chan int)
	go func() {
		for i := 0; i < count; i++ {
			handed <- i
		}
	}()
	timer := time.NewTimer(time.Second)
	for i := 0; i < count; i++ {
		timer.Reset(time.Second)
		select {
		case <-handed:
		case <-timer.C:
			stop("a timer fired before its time")
		}
		timer.Stop()
	}
}

func someSeconds(random *rand.Rand) time.Duration {
	return time.Second + time.Duration(random.Int63n(int64(1000*time.Second)))
}

func timerBeside(count int) float64 {
	random := rand.New(rand.NewSource(1))
	live := make([]*time.Timer, count)
	for i := range live {
		live[i] = time.AfterFunc(someSeconds(random), func() {})
	}
	var durations [1024]time.Duration
	for i := range durations {
		durations[i] = someSeconds(random)
	}
	timer := time.AfterFunc(time.Hour, func() {})
	timer.Stop()
	start := time.Now()
	for i := 0; i < registered; i++ {
		timer.Reset(durations[i%1024])
		timer.Stop()
	}
	spent := time.Since(start)
	for _, other := range live {
		other.Stop()
	}
	return float64(spent.Nanoseconds()) / registered
}

func cpuNs() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		stop(err.Error())
	}
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

func sleepers() float64 {
	random := rand.New(rand.NewSource(1))
	start := cpuNs()
	var all sync.WaitGroup
	all.Add(many)
	for i := 0; i < many; i++ {
		duration := time.Duration(random.Int63n(int64(100 * time.Millisecond)))
		go func() {
			defer all.Done()
			time.Sleep(duration)
		}()
	}
	all.Wait()
	return (cpuNs() - start) / many
}

// ---- memory ----

func residentBytes() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		stop(err.Error())
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	if err != nil {
		stop(err.Error())
	}
	return pages * float64(os.Getpagesize())
}

func parked(count int) float64 {
	permits := make(chan struct{})
	var arrived sync.WaitGroup
	arrived.Add(count)
	before := residentBytes()
	for i := 0; i < count; i++ {
		go func() {
			arrived.Done()
			<-permits
		}()
	}
	arrived.Wait()
	time.Sleep(50 * time.Millisecond) // until the last one waits, too
	return (residentBytes() - before) / float64(count)
}
