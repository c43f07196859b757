package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
)

type beacon struct {
	name string
	url  string
}

func loadBeacons(path string) ([]beacon, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	beacons := make([]beacon, 0, len(rows))
	for _, row := range rows {
		beacons = append(beacons, beacon{name: row[0], url: row[1]})
	}
	return beacons, nil
}

func (b beacon) poll(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}
