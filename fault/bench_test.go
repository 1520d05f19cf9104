//go:build linux

package fault_test

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
)

// inProcesses are the faults that strike a process itself, and what they strike.
func inProcesses() map[holdfast.FaultName]func(testing.TB) holdfast.Victim {
	return map[holdfast.FaultName]func(testing.TB) holdfast.Victim{
		"kill": faulttest.Victim, "exit": faulttest.Victim, "oom": faulttest.Victim, "stop": faulttest.Victim, "hold": faulttest.Victim,
		"starve": faulttest.Victim, "disk-full": faulttest.Writer,
	}
}

// BenchmarkFaultsOfProcesses: medians of the time from Inject until a fault is seen,
// and from Undo until nothing of it is.
//
//	go test ./fault -run '^$' -bench FaultsOfProcesses -benchtime 20x
func BenchmarkFaultsOfProcesses(b *testing.B) {
	for name, strikes := range inProcesses() {
		b.Run(string(name), func(b *testing.B) {
			if why, _ := fault.Possible(name); why != "" {
				b.Skip(why)
			}
			f, _ := fault.Find(name)
			effect := faulttest.Effects()[name]
			var bites, heals []time.Duration
			for b.Loop() {
				victim := strikes(b)
				began := time.Now()
				if err := f.Inject(b.Context(), victim); err != nil {
					b.Fatal(err)
				}
				faulttest.Eventually(b, "it bites", func() bool { return effect.Bitten(victim) })
				bites = append(bites, time.Since(began))
				began = time.Now()
				if err := f.Undo(b.Context(), victim); err != nil {
					b.Fatal(err)
				}
				faulttest.Eventually(b, "it heals", func() bool { return effect.Healed(victim) })
				heals = append(heals, time.Since(began))
			}
			b.ReportMetric(median(bites), "ms-to-bite")
			b.ReportMetric(median(heals), "ms-to-heal")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2]) / float64(time.Millisecond)
}

// BenchmarkATracedService: how much fewer requests a service answers whose system
// calls a tracer looks at, of which only those to its data directory are struck: the
// price that everything else pays.
//
//	go test ./fault -run '^$' -bench ATracedService -benchtime 3s
func BenchmarkATracedService(b *testing.B) {
	for _, traced := range []bool{false, true} {
		b.Run(map[bool]string{false: "as it is", true: "traced"}[traced], func(b *testing.B) {
			victim := faulttest.Writer(b)
			disk := fault.DiskSlow()
			if traced {
				if err := disk.Inject(b.Context(), victim); err != nil {
					b.Fatal(err)
				}
				defer disk.Undo(b.Context(), victim)
			}
			url := "http://" + victim.Address + faulttest.HealthPath // which writes nothing
			renewed := time.Now()
			for b.Loop() {
				answer, err := http.Get(url)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if traced && time.Since(renewed) > holdfast.Lease/6 {
					if err := disk.Renew(b.Context(), victim); err != nil {
						b.Fatal(err)
					}
					renewed = time.Now()
				}
			}
		})
	}
}
