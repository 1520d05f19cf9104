package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/proc"
)

// configs are the peers' configurations, as they are run and as the page shows
// them: every address in them is written out.
//
//go:embed configs
var configs embed.FS

// published is where every peer listens; one runs at a time.
const published = "127.0.0.1:18500"

// replicas are where the three replicas listen.
func replicas() []string { return []string{"127.0.0.1:18501", "127.0.0.1:18502", "127.0.0.1:18503"} }

// A variant is how well a peer is configured.
type variant string

const (
	small  variant = "small"  // the least that routes
	expert variant = "expert" // what an expert makes of it, POSTs sent again as GETs are
	safe   variant = "safe"   // the same, but no request that is not idempotent is sent twice
	file   variant = "file"   // Holdfast's one: three addresses and a health path
)

// A peer is one program in one configuration.
type peer struct {
	name    string
	variant variant
	files   map[string]string // in its folder, by the name in configs
	argv    []string          // in its folder
	about   []string          // says its version
	carries string            // a word of the command line of the process that carries the traffic; all of them, where empty
	end     syscall.Signal
}

func (p peer) String() string { return p.name + "/" + string(p.variant) }

// peers are the programs that there are, each in its configurations.
func peers(have programs) []peer {
	var all []peer
	for _, v := range []variant{small, expert, safe} {
		all = append(all, haproxy(string(v), v), nginx(v))
		if have.caddy != "" {
			all = append(all, caddy(have.caddy, v))
		}
		if have.traefik != "" && v != safe { // of 3.6 the expert is: it sends no status and no written POST again
			all = append(all, traefik(have.traefik, v))
		}
	}
	return append(all, holdfastPeer(have.holdfast, "holdfast.yaml"))
}

// tcpPeers are those that carry connections they know nothing of.
func tcpPeers(have programs) []peer {
	return []peer{haproxy("tcp", expert), holdfastPeer(have.holdfast, "holdfast-tcp.yaml")}
}

func haproxy(name string, v variant) peer {
	return peer{
		name: "haproxy", variant: v,
		files: map[string]string{"haproxy-" + name + ".cfg": "haproxy.cfg"},
		argv:  []string{"haproxy", "-db", "-f", "haproxy.cfg"},
		about: []string{"haproxy", "-v"},
		end:   syscall.SIGTERM,
	}
}

func nginx(v variant) peer {
	return peer{
		name: "nginx", variant: v,
		files: map[string]string{"nginx-" + string(v) + ".conf": "nginx.conf"},
		argv:  []string{"nginx", "-p", ".", "-c", "nginx.conf"},
		about: []string{"nginx", "-v"},
		end:   syscall.SIGTERM,
	}
}

func caddy(program string, v variant) peer {
	return peer{
		name: "caddy", variant: v,
		files: map[string]string{"caddy-" + string(v) + ".Caddyfile": "Caddyfile"},
		argv:  []string{program, "run", "--adapter", "caddyfile", "--config", "Caddyfile"},
		about: []string{program, "version"},
		end:   syscall.SIGTERM,
	}
}

func traefik(program string, v variant) peer {
	return peer{
		name: "traefik", variant: v,
		files: map[string]string{"traefik.yaml": "traefik.yaml", "traefik-" + string(v) + "-routes.yaml": "routes.yaml"},
		argv:  []string{program, "--configFile=traefik.yaml"},
		about: []string{"go", "version", "-m", program},
		end:   syscall.SIGTERM,
	}
}

func holdfastPeer(program, name string) peer {
	return peer{
		name: "holdfast", variant: file,
		files:   map[string]string{name: "holdfast.yaml"},
		argv:    []string{program, "up"},
		about:   []string{"git", "rev-parse", "--short=12", "HEAD"},
		carries: "gateway",
		end:     syscall.SIGINT,
	}
}

// version is what a program says of itself, on one line.
func (p peer) version(ctx context.Context) string {
	said, err := exec.CommandContext(ctx, p.about[0], p.about[1:]...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(said)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "mod" || len(fields) > 2 && fields[0] == "dep" && strings.HasSuffix(fields[1], "/traefik/v3") {
			return fields[2]
		}
	}
	first, _, _ := strings.Cut(string(said), "\n")
	first = strings.TrimPrefix(first, "nginx version: nginx/")
	first = strings.TrimPrefix(first, "HAProxy version ")
	first, _, _ = strings.Cut(first, " ")
	return first
}

// A running peer is its processes and their folder.
type running struct {
	peer
	dir     string
	command *exec.Cmd
	said    bytes.Buffer
	ended   chan struct{}
	err     error // how it ended; set before ended is closed
}

// settling is how long a peer is given to find its replicas well, once it
// answers: HAProxy and Caddy begin with all of them in use, Holdfast with those
// whose first check was good. A race begins with three seconds of its own.
const settling = time.Second

// start starts a peer, on one processor where only is not empty, and returns when it answers.
func (p peer) start(ctx context.Context, work string, only []string) (*running, error) {
	if c, err := net.Dial("tcp", published); err == nil {
		c.Close()
		return nil, fmt.Errorf("start %s: somebody listens at %s already, and would be measured in its place: end it first", p, published)
	}
	dir, err := os.MkdirTemp(work, p.name+"-")
	if err != nil {
		return nil, err
	}
	if err := p.layOut(dir, len(only) > 0); err != nil {
		return nil, err
	}
	argv := append(append([]string{}, only...), p.argv...)
	r := &running{peer: p, dir: dir, command: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	r.command.Dir = dir
	r.command.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	r.command.Stdout, r.command.Stderr = &r.said, &r.said
	// A group of its own: an interrupt is for us, who end it in order.
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p, err)
	}
	go func() {
		defer close(r.ended)
		r.err = r.command.Wait()
	}()
	if err := r.answers(ctx); err != nil {
		r.stop()
		return nil, fmt.Errorf("start %s: %w\n%s", p, err, r.said.String())
	}
	return r, nil
}

// layOut writes a peer's files; on one processor it is told of one.
func (p peer) layOut(dir string, alone bool) error {
	for from, to := range p.files {
		text, err := configs.ReadFile("configs/" + from)
		if err != nil {
			return err
		}
		if alone {
			text = bytes.ReplaceAll(text, []byte("nbthread 2"), []byte("nbthread 1"))
			text = bytes.ReplaceAll(text, []byte("worker_processes 2"), []byte("worker_processes 1"))
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// answers waits until a peer answers, and then until it has settled.
func (r *running) answers(ctx context.Context) error {
	patience, enough := context.WithTimeout(ctx, 15*time.Second)
	defer enough()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := client.Get("http://" + published + "/"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case <-patience.Done():
			return errors.New("it does not answer")
		case <-r.ended:
			return fmt.Errorf("it ended: %v", r.err)
		case <-tick.C:
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settling):
		return nil
	}
}

// stop ends a peer and all it started.
func (r *running) stop() {
	family := r.family()
	r.command.Process.Signal(r.end)
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		for pid, ticks := range family {
			_ = proc.Signal(pid, ticks, syscall.SIGKILL) // it may have ended
		}
		r.command.Process.Kill()
		<-r.ended
	}
	os.RemoveAll(r.dir)
}

// family are the peer's processes with their start times: the one that was
// started, and whoever comes from it.
func (r *running) family() map[int]uint64 {
	all, _ := proc.All()
	parents := map[int]int{}
	for _, pid := range all {
		parents[pid], _ = proc.Parent(pid)
	}
	family := map[int]uint64{}
	for _, pid := range all {
		for of := pid; of > 1; of = parents[of] {
			if of == r.command.Process.Pid {
				family[pid], _ = proc.Ticks(pid)
				break
			}
		}
	}
	return family
}
