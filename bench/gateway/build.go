package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"holdfast/bench/rig"
)

// programs are the paths of what has to be built; what is not wanted is empty.
type programs struct{ holdfast, caddy, traefik string }

// build builds what is wanted: Holdfast, and those peers that come as modules,
// each in the module of its own beside this program.
func build(ctx context.Context, work string, w wish) (programs, error) {
	for _, needed := range []string{"haproxy", "nginx", "nft", "taskset"} {
		if _, err := exec.LookPath(needed); err != nil {
			return programs{}, fmt.Errorf("%w: apt-get install haproxy nginx-light nftables util-linux", err)
		}
	}
	var p programs
	built, err := rig.Build(ctx, "")
	if err != nil {
		return p, err
	}
	defer built.Remove()
	p.holdfast = filepath.Join(work, "holdfast")
	if err := os.Rename(built.Program, p.holdfast); err != nil {
		return p, err
	}
	if w.wantsPeer("caddy") {
		if p.caddy, err = module(ctx, "caddy", "."); err != nil {
			return p, err
		}
	}
	if w.wantsPeer("traefik") {
		p.traefik, err = module(ctx, "traefik", "github.com/traefik/traefik/v3/cmd/traefik")
		if err != nil && ctx.Err() == nil {
			// Three hundred modules, one of which a proxy may not have: 3.7.13 cannot be had for
			// that reason. The others race without it. Its dashboard is embedded from a folder
			// that the module has, with nothing in it but a note: the rest needs no npm.
			fmt.Fprintln(os.Stderr, "gateway: going on without Traefik:", err)
		}
	}
	return p, ctx.Err()
}

// wantsPeer tells whether any variant of a peer is wished.
func (w wish) wantsPeer(name string) bool {
	if len(w.parts) == 1 && w.parts[0] == "tcp" {
		return false // neither Caddy nor Traefik takes part in it
	}
	if len(w.peers) == 0 {
		return true
	}
	for _, wanted := range w.peers {
		if first, _, _ := strings.Cut(wanted, "/"); first == name {
			return true
		}
	}
	return false
}

// module builds a peer where it stays: one that is up to date is not even linked
// again, which takes Traefik's 250 MB half a minute.
func module(ctx context.Context, name, pkg string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for %s: %w", name, err)
	}
	house, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "holdfast").Output()
	if err != nil {
		return "", fmt.Errorf("find the house: %w", err)
	}
	program := filepath.Join(cache, "holdfast-gateway", name)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, pkg)
	cmd.Dir = filepath.Join(strings.TrimSpace(string(house)), "bench", "gateway", name)
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, said)
	}
	return program, nil
}
