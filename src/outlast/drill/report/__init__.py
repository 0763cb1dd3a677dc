"""What people look at after a drill: one HTML file, figures, raw series."""
