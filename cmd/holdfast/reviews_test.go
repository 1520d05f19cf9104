package main

import (
	"strings"
	"testing"
	"time"

	"holdfast/source"
)

// Who starts a system is not told of what somebody has accepted, and is not kept
// from it by an acceptance that has ended: the night is no time for that.
func TestAnAcceptanceKeepsNothingFromRunning(t *testing.T) {
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	for until, want := range map[string]string{day(30): "", day(0): "", day(-1): "HF1201", day(400): "HF1201"} {
		text := "name: shop\nowner: us\naccept: [{code: HF1201, of: db, owner: us, reason: why, until: " + until + "}]\nservices:\n  db: {command: ./db, protocol: tcp, replicas: 2}\n"
		reading, problems := readSystem(source.File{Name: "f", Text: []byte(text), Dir: "/srv"}, nil)
		if reading.System == nil {
			t.Errorf("until %s it cannot be used: %+v", until, problems)
		}
		var codes []string
		for _, p := range problems {
			codes = append(codes, string(p.Code))
		}
		if got := strings.Join(codes, " "); got != want {
			t.Errorf("until %s: %q, want %q", until, got, want)
		}
	}
}
