package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// A state is the part of `status --json` that rows need.
type state struct {
	View struct {
		Services []struct {
			Replicas []replica `json:"replicas"`
		} `json:"services"`
	} `json:"view"`
	Gateways []struct {
		Endpoints []struct {
			Tries uint64 `json:"tries"`
		} `json:"endpoints"`
		Routes []struct {
			Requests uint64 `json:"requests"`
		} `json:"routes"`
	} `json:"gateways"`
}

type replica struct {
	Address string `json:"address"`
	Pid     int    `json:"pid"`
}

func (r bench) state(ctx context.Context) (state, error) {
	var s state
	out, err := r.Output(ctx, "status", "--json")
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err == nil && (len(s.View.Services) != 1 || len(s.View.Services[0].Replicas) != 3 || len(s.Gateways) != 1) {
		err = fmt.Errorf("not what was started: %s", out)
	}
	return s, err
}

func (s state) replicas() []replica { return s.View.Services[0].Replicas }

// amplification is tries per request, of replicas that are still there.
func (s state) amplification() float64 {
	var tries, requests uint64
	for _, e := range s.Gateways[0].Endpoints {
		tries += e.Tries
	}
	for _, route := range s.Gateways[0].Routes {
		requests += route.Requests
	}
	return float64(tries) / float64(max(1, requests))
}
