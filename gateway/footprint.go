package gateway

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// A footprint is what our process takes of the machine: the few numbers by which a gateway
// in trouble is known, under the names every Prometheus client has for them.
type footprint struct {
	goVersion  string
	began      time.Time
	cpu        time.Duration
	resident   uint64 // bytes; 0 where it is not known
	files      int    // open descriptors; 0 where they are not known
	goroutines int
	heap       uint64 // bytes in objects
}

func (g *Gateway) footprint() footprint {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	p := footprint{
		goVersion:  runtime.Version(),
		began:      g.began,
		goroutines: runtime.NumGoroutine(),
	}
	if heap[0].Value.Kind() == metrics.KindUint64 {
		p.heap = heap[0].Value.Uint64()
	}
	p.cpu, p.resident, p.files = taken()
	return p
}

func (own footprint) tell(p *exposition) {
	p.metric("process_start_time_seconds", gauge, "When the gateway began, in seconds since 1970.")
	p.sample(float64(own.began.UnixMilli()) / 1000)
	p.metric("process_cpu_seconds_total", counter, "Time on a processor, of the user and the system.")
	p.sample(own.cpu.Seconds())
	if own.resident > 0 {
		p.metric("process_resident_memory_bytes", gauge, "Memory that is held.")
		p.sample(float64(own.resident))
	}
	if own.files > 0 {
		p.metric("process_open_fds", gauge, "Open file descriptors.")
		p.sample(float64(own.files))
	}
	p.metric("go_goroutines", gauge, "Goroutines.")
	p.sample(float64(own.goroutines))
	p.metric("go_memstats_heap_alloc_bytes", gauge, "Memory in objects.")
	p.sample(float64(own.heap))
}
