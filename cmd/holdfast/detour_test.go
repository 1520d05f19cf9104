package main

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"holdfast"
	"holdfast/fault/proxy"
	"holdfast/internal/unixsock"
)

// A listening gateway takes whatever table comes.
type listeningGateway struct {
	holdfast.Gateway
	tables []holdfast.RoutingTable
	err    error
}

func (g *listeningGateway) Apply(_ context.Context, table holdfast.RoutingTable) error {
	g.tables = append(g.tables, table)
	return g.err
}

func detourTable(revision uint64, incarnations ...holdfast.Incarnation) holdfast.RoutingTable {
	service := holdfast.RoutedService{Name: "catalog", Protocol: holdfast.HTTP}
	for _, incarnation := range incarnations {
		id := holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: incarnation}
		service.Endpoints = append(service.Endpoints, holdfast.Endpoint{ID: id, Address: "127.0.0.1:1", Zone: "a"})
	}
	return holdfast.RoutingTable{Revision: revision, Services: []holdfast.RoutedService{service}}
}

// What drains keeps its path and its front, or the gateway would not know it.
func TestWhatDrainsKeepsItsWay(t *testing.T) {
	t.Parallel()
	leaves := func(table holdfast.RoutingTable) holdfast.RoutingTable {
		s := &table.Services[0]
		s.Draining, s.Endpoints = []holdfast.Draining{{Endpoint: s.Endpoints[0], By: 7}}, s.Endpoints[1:]
		return table
	}
	before, given := detourTable(1, 1, 2), leaves(detourTable(2, 1, 2))
	var fronts []proxy.Front
	for i, path := range pathsOf(before) {
		fronts = append(fronts, proxy.Front{ID: path.ID, Address: []string{"127.0.0.1:101", "127.0.0.1:102"}[i]})
	}
	if len(pathsOf(given)) != len(fronts) {
		t.Errorf("paths to %+v, before to %+v", pathsOf(given), pathsOf(before))
	}
	seen := through(given, fronts).Services[0]
	if seen.Draining[0].Endpoint != through(before, fronts).Services[0].Endpoints[0] || seen.Draining[0].By != 7 {
		t.Errorf("it drains as %+v", seen)
	}
	if !reflect.DeepEqual(given, leaves(detourTable(2, 1, 2))) {
		t.Errorf("the table that was given is changed: %+v", given)
	}
}

// TestADetourLeadsThroughTheProxy and nobody but the gateway sees it.
func TestADetourLeadsThroughTheProxy(t *testing.T) {
	t.Parallel()
	state := stateDir(t.TempDir())
	gateway := &listeningGateway{}
	d := detour{Gateway: gateway, proxy: proxy.Dial(state.proxySocket())}
	if err := d.Apply(t.Context(), detourTable(1, 1)); !errors.Is(err, proxy.ErrNoProxy) || len(gateway.tables) > 0 {
		t.Fatalf("without a proxy: %v, and the gateway heard of %d tables", err, len(gateway.tables))
	}
	control, err := unixsock.Listen(state.proxySocket())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- proxy.Run(ctx, control, proxy.Options{Record: state.path("fronts.json")}) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	given := detourTable(1, 1, 2)
	if err := d.Apply(t.Context(), given); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(given, detourTable(1, 1, 2)) {
		t.Errorf("the table that was given is changed: %+v", given)
	}
	fronts := func() (addresses []string) {
		s, err := d.proxy.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range s.Paths {
			addresses = append(addresses, path.Front)
		}
		return addresses
	}
	addressed := func(table holdfast.RoutingTable) (addresses []string) {
		for _, endpoint := range table.Services[0].Endpoints {
			addresses = append(addresses, endpoint.Address)
		}
		return addresses
	}
	first := addressed(gateway.tables[0])
	if !slices.Equal(first, fronts()) || first[0] == "127.0.0.1:1" || first[0] == first[1] {
		t.Errorf("the gateway is sent to %q, the paths begin at %q", first, fronts())
	}
	// While the gateway refuses a table it may still use the paths of the last.
	gateway.err = holdfast.ErrStale
	if err := d.Apply(t.Context(), detourTable(2, 2)); !errors.Is(err, holdfast.ErrStale) || len(fronts()) != 2 {
		t.Errorf("refused: %v, and %d paths are left", err, len(fronts()))
	}
	gateway.err = nil
	if err := d.Apply(t.Context(), detourTable(2, 2)); err != nil {
		t.Fatal(err)
	}
	await(t, "the path that nobody needs is gone", func() bool { return slices.Equal(fronts(), first[1:]) })
	if again := addressed(gateway.tables[2]); !slices.Equal(again, first[1:]) {
		t.Errorf("the front of a path that stays moved from %q to %q", first[1:], again)
	}
}
