package journal

import (
	"context"
	"path/filepath"
	"testing"
)

// Appends as fast as they are committed, on the disk of the temporary
// directory.
func BenchmarkAppend(b *testing.B) {
	j, _, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	b.ResetTimer()
	go func() {
		for i := range b.N {
			j.Append(frame(uint64(i)+1, 1))
		}
	}()
	for range b.N {
		if c := <-j.Committed(); !c.Recorded {
			b.Errorf("not recorded: %+v", j.Health())
			break
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
	cancel()
	<-ended
	j.Close()
}

// BenchmarkAppendAlone is the time from one append to its commit when nothing
// shares the fsync.
func BenchmarkAppendAlone(b *testing.B) {
	j, _, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	b.ResetTimer()
	for i := range b.N {
		j.Append(frame(uint64(i)+1, 1))
		<-j.Committed()
	}
	b.StopTimer()
	cancel()
	<-ended
	j.Close()
}

// BenchmarkReplay reads 100,000 frames back, as Open and replay do.
func BenchmarkReplay(b *testing.B) {
	const n = 100_000
	dir := b.TempDir()
	j, _, err := Open(dir, Options{disk: quick{}})
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		line, _ := encodeFrame(frame(uint64(i)+1, 1))
		if err := j.pen.put(line); err != nil {
			b.Fatal(err)
		}
	}
	j.Close()
	b.ResetTimer()
	for range b.N {
		read := 0
		for _, err := range Load(filepath.Join(dir, "000001.log")) {
			if err != nil {
				b.Fatal(err)
			}
			read++
		}
		if read != n+1 {
			b.Fatalf("read %d lines", read)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "frames/s")
}
