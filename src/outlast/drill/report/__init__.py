"""What people look at after a drill: one HTML file, its figures as files, and the raw series."""

from outlast.drill.report.figures import write_figures
from outlast.drill.report.helped import Measures, measured
from outlast.drill.report.page import write_html
from outlast.drill.report.raw import write_parquet

__all__ = ["Measures", "measured", "write_figures", "write_html", "write_parquet"]
