"""The dashboard: pages rendered here, and one bundled script that draws charts and moves the live counter."""
