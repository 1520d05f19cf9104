package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/fault/proxy"
	"holdfast/internal/unixsock"
	"holdfast/keeper"
)

// A detour is a gateway whose way to every replica leads through a fault proxy,
// as in a private copy. Neither knows of the other: the gateway is given the
// fronts for the replicas' addresses, and everybody else goes on to speak of
// the real ones.
type detour struct {
	holdfast.Gateway
	proxy *proxy.Client
}

var _ holdfast.Gateway = detour{}

// Apply lays the paths before the gateway hears of them, and takes out those it
// no longer has afterwards. A proxy that does not answer is an error: whoever
// applies tries again.
func (d detour) Apply(ctx context.Context, table holdfast.RoutingTable) error {
	paths := pathsOf(table)
	fronts, err := d.proxy.Lay(ctx, paths)
	if err != nil {
		return fmt.Errorf("lay the paths to the replicas: %w", err)
	}
	if err := d.Gateway.Apply(ctx, through(table, fronts)); err != nil {
		return err
	}
	ids := make([]holdfast.ReplicaID, 0, len(paths))
	for _, path := range paths {
		ids = append(ids, path.ID)
	}
	if err := d.proxy.Keep(ctx, ids); err != nil {
		return fmt.Errorf("take out the paths nobody needs: %w", err)
	}
	return nil
}

// pathsOf are the paths that a table needs: to what runs in the copy. What runs
// elsewhere is known by its own name and address, and no fault of ours is made
// on the way to it.
func pathsOf(table holdfast.RoutingTable) []proxy.Path {
	paths := []proxy.Path{}
	for _, service := range table.Services {
		if service.Elsewhere {
			continue
		}
		for _, endpoint := range service.Listed() {
			paths = append(paths, proxy.Path{ID: endpoint.ID, Address: endpoint.Address, Protocol: service.Protocol})
		}
	}
	return paths
}

// through is a table with fronts for addresses. The one given is left as it is.
func through(table holdfast.RoutingTable, fronts []proxy.Front) holdfast.RoutingTable {
	at := map[holdfast.ReplicaID]string{}
	for _, front := range fronts {
		at[front.ID] = front.Address
	}
	services := make([]holdfast.RoutedService, len(table.Services))
	for i, service := range table.Services {
		endpoints := make([]holdfast.Endpoint, len(service.Endpoints))
		for j, endpoint := range service.Endpoints {
			if !service.Elsewhere {
				endpoint.Address = at[endpoint.ID]
			}
			endpoints[j] = endpoint
		}
		service.Endpoints = endpoints
		service.Draining = slices.Clone(service.Draining)
		for j := range service.Draining {
			if d := &service.Draining[j]; !service.Elsewhere {
				d.Address = at[d.ID]
			}
		}
		services[i] = service
	}
	table.Services = services
	return table
}

const proxyRole keeper.RoleName = "proxy"

func proxyCommand() *cobra.Command {
	c := &cobra.Command{Use: "proxy", Args: cobra.NoArgs, Short: "break paths by rule (started by the keeper of a private copy)"}
	flag := stateFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := runProxy(c.Context(), stateDir(*flag)); err != nil {
			return exit(exitCouldNot, err)
		}
		return nil
	}
	return c
}

func runProxy(ctx context.Context, state stateDir) error {
	control, err := unixsock.Listen(state.proxySocket())
	if err != nil {
		return err
	}
	return together(ctx,
		func(ctx context.Context) error {
			return proxy.Run(ctx, control, proxy.Options{Record: state.path("fronts.json"), Log: os.Stderr})
		},
		func(ctx context.Context) error { return showLife(ctx, state, proxyRole) })
}

// showLife beats for a role that wants nothing of its keeper but to be replaced
// when it is stuck.
func showLife(ctx context.Context, state stateDir, role keeper.RoleName) error {
	for {
		if client, err := keeper.Dial(ctx, state.keeperSocket(), role, 0); err == nil {
			err = beats(ctx, client)
			client.Close()
			if ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "%s: lost the keeper, going on: %v\n", role, err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(again):
		}
	}
}
