package prove

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/internal/proc"
	"holdfast/load"
)

// role makes the test binary a generator's process.
const role = "HOLDFAST_PROVE_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(role) != "load" {
		os.Exit(m.Run())
	}
	if err := load.Run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Of a service of which one replica hangs, those who were answered are well and
// those who wait have not ended: a live drill is not over while they do.
func TestUsersWhoWaitAreNotWholeInALiveDrill(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%2 == 0 {
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	users, err := load.Start(t.Context(), []string{os.Args[0]}, []string{role + "=load", "GORACE=atexit_sleep_ms=0"}, load.Plan{
		Seed: 1, Rate: 100, For: time.Minute, Timeout: 20 * time.Second, Late: late, Fresh: 1, Cap: 1000,
		Targets: []load.Target{{Name: "web:80", URL: server.URL, Weight: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	defer users.Stop(over)
	h := &hooking{
		proving: &proving{copy: &private{chronicle: newChronicle()}}, users: users, undone: proc.Now(),
		mode: holdfast.FailureMode{Name: "web.hang", Bounds: holdfast.Bounds{Restore: time.Minute}}, service: holdfast.Service{Name: "web", Replicas: 2},
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for answered := time.Duration(0); answered < wholeFor+wholeFor/2; <-tick.C {
		for _, result := range users.Snapshot() {
			answered = max(answered, time.Duration(result.Intended)-h.undone)
		}
		if h.wholeAgain() {
			t.Fatalf("whole again %s after the mend, with half of all users waiting", answered)
		}
	}
}
