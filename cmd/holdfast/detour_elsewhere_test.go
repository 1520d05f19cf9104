package main

import (
	"testing"

	"holdfast"
	"holdfast/fault/proxy"
)

// A private copy lays paths to what runs in it. What runs elsewhere keeps its
// address: by it its certificate and its host name are known.
func TestNoPathLeadsAwayFromTheCopy(t *testing.T) {
	at := func(service holdfast.ServiceName, address string, elsewhere bool) holdfast.RoutedService {
		id := holdfast.ReplicaID{Service: service, Ordinal: 1, Incarnation: 1}
		return holdfast.RoutedService{Name: service, Protocol: holdfast.HTTP, Elsewhere: elsewhere, Endpoints: []holdfast.Endpoint{{ID: id, Address: address}}}
	}
	table := holdfast.RoutingTable{Services: []holdfast.RoutedService{at("web", "127.0.0.1:1", false), at("bank", "bank.example:443", true)}}
	paths := pathsOf(table)
	if len(paths) != 1 || paths[0].ID.Service != "web" {
		t.Fatalf("the paths are %+v", paths)
	}
	led := through(table, []proxy.Front{{ID: paths[0].ID, Address: "127.0.0.1:9"}})
	if web, bank := led.Services[0].Endpoints[0].Address, led.Services[1].Endpoints[0].Address; web != "127.0.0.1:9" || bank != "bank.example:443" {
		t.Errorf("web is at %s, bank at %s", web, bank)
	}
	if table.Services[0].Endpoints[0].Address != "127.0.0.1:1" {
		t.Error("the table that was given has changed")
	}
}
